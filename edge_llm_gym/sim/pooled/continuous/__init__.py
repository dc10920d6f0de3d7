"""Continuous batching: the requests of a node advance together, one token per iteration (section 6 of the model)."""
