"""One row of a simulator as text or as an image. Importing it loads no drawing library; `timeline` draws episodes."""

from dataclasses import replace
from typing import Any

import numpy as np

from edge_llm_gym.names import known_name
from edge_llm_gym.rendering.pictures import PICTURES, loaded, pictures_of
from edge_llm_gym.sim.simulator import Simulator

__all__ = ["PICTURES", "render_row", "view_of"]


def view_of(simulator: Simulator, row: int, result: Any, caption: str = "") -> Any:
    """A row now, as plain numbers and strings. `result` is what the last step returned, None before the first one.

    `caption` says how the episode is played, such as its policy and seed, and stands in the titles of pictures.
    """
    return replace(loaded(pictures_of(simulator).view)(simulator, row, result), caption=caption)


def render_row(simulator: Simulator, row: int, result: Any, mode: str, caption: str = "") -> str | np.ndarray:
    """One row as coloured text ("ansi") or as an image [height, width, 3] uint8 ("rgb_array").

    `result` and `caption` are those of `view_of`. Raises ValueError for an unknown mode and ImportError where an image
    is requested and Pillow is missing.
    """
    painters = pictures_of(simulator).painters
    known_name("render mode", mode, painters)
    picture: str | np.ndarray = loaded(painters[mode])(view_of(simulator, row, result, caption))
    return picture
