"""Shows one environment as text or as an image. Importing it loads no drawing library; `timeline` draws episodes."""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from edge_llm_gym.names import known_name
from edge_llm_gym.rendering.view import EpochView, view_of
from edge_llm_gym.sim.simulator import Simulator
from edge_llm_gym.sim.state import Result

__all__ = ["RENDERERS", "EpochView", "render_row", "view_of"]


def _as_text(view: EpochView) -> str:
    from edge_llm_gym.rendering.text import epoch_text

    return epoch_text(view)


def _as_image(view: EpochView) -> np.ndarray:
    from edge_llm_gym.rendering.frames import epoch_frame

    return epoch_frame(view)


RENDERERS: Final[Mapping[str, Callable[[EpochView], str | np.ndarray]]] = {"ansi": _as_text, "rgb_array": _as_image}


def render_row(simulator: Simulator, row: int, result: Result | None, mode: str) -> str | np.ndarray:
    """One row as coloured text ("ansi") or as an image [height, width, 3] uint8 ("rgb_array").

    `result` is what the last step returned, None before the first one. Raises ValueError for an unknown mode and
    ImportError where an image is asked for and Pillow is missing.
    """
    known_name("render mode", mode, RENDERERS)
    return RENDERERS[mode](view_of(simulator, row, result))
