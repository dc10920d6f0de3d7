"""What watches a training run: checkpoints, metrics, evaluation against an expert, pictures."""
