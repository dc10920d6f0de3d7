"""Pictures of staged admission: those of epoch admission, and what exits and forwarding add to them."""
