"""Pooled dynamics: requests wait in a queue and join batches once per epoch."""
