"""Pictures of stream admission: the traffic, the nodes, the exits, and how delay and accuracy went."""
