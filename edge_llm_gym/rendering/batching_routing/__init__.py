"""Pictures of batching-and-routing dynamics: those of batching dynamics, with exits and forwarding between nodes."""
