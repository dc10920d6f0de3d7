"""Times prefills, decode iterations and whole batches of a model shape with random weights on the local device.

Beside `edge_llm_gym.sb3`, this is the only package here that imports PyTorch; install it with the extra "agents". Names
that need it are loaded on first use, so that `Grid` can be made and checked without it.
"""

from edge_llm_gym.lazy import lazy_names
from edge_llm_gym.measuring.check import CheckedFit, Errors, fit_and_check
from edge_llm_gym.measuring.grid import Grid, make_grid

_WITH_TORCH = {
    "Session": "edge_llm_gym.measuring.session",
    "make_processor": "edge_llm_gym.measuring.processors",
    "random_transformer": "edge_llm_gym.measuring.transformer",
}

__all__ = [
    "CheckedFit",
    "Errors",
    "Grid",
    "Session",
    "fit_and_check",
    "make_grid",
    "make_processor",
    "random_transformer",
]

__getattr__ = lazy_names(__name__, _WITH_TORCH, {"torch"}, "agents")
