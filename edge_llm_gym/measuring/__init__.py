"""Times prefills, decode iterations and whole batches of a model shape with random weights on the local device.

Beside `edge_llm_gym.sb3`, this is the only package here that imports PyTorch; install it with the extra "agents". Names
that need it are loaded on first use, so that `Grid` can be made and checked without it.
"""

from importlib import import_module
from typing import Any

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


def __getattr__(name: str) -> Any:
    """Loads a name that needs PyTorch. Raises ImportError where PyTorch is missing."""
    if name not in _WITH_TORCH:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(_WITH_TORCH[name]), name)
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise ImportError(
            "measuring a device needs torch, which is not installed: pip install 'edge-llm-gym[agents]'"
        ) from error
