"""Streaming dynamics: every request goes its own way through a staged network, from its arrival to its exit."""
