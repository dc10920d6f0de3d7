"""Callbacks of a training run: checkpoints, metrics, evaluation against an expert, images of episodes."""
