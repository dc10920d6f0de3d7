"""Imitation of an expert: labels, losses, behaviour cloning and DAgger, and datasets in Minari's format."""
