"""Trains recipes with several seeds and compares what they find with experts on held-out tapes."""
