"""Pictures of batching-and-routing dynamics: those of batching dynamics, and what exits and forwarding add to them."""
