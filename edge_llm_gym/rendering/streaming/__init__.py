"""Pictures of streaming dynamics: traffic over the links, nodes, exits, and the trend of delay and accuracy."""
