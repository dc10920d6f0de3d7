"""Learning from an expert: labels, losses, behaviour cloning and DAgger, and datasets for others."""
