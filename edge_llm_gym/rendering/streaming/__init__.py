"""Pictures of streaming dynamics: the traffic, the nodes, the exits, and how delay and accuracy went."""
