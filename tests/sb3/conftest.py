"""Fixtures of tiny runs, and one thread for PyTorch: with more, small networks wait for busy cores."""

import torch

from tests.tiny_runs import tiny, tiny_env

__all__ = ["tiny", "tiny_env"]

torch.set_num_threads(1)
