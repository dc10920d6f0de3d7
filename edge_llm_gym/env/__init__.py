"""Gymnasium's view of the simulator: spaces, the single environment and the native vector environment."""
