"""Clones experts by DAgger, compares the clones with them on held-out tapes, and runs PPO from clones."""
