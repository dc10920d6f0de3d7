"""One epoch of an episode page: its view, its frame as a compact PNG, and the reward of the step."""

from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

import numpy as np

from edge_llm_gym.rendering.moment import Moment

COLOURS: Final = 64
"""Colours of a frame's palette, which keep the drawn ones and the soft edges of the letters apart."""


@dataclass(frozen=True)
class Shot:
    """An epoch that was played."""

    view: Any
    """The view of the row's dynamics, a `Moment` with `totals`."""
    png: bytes
    reward: float

    @property
    def moment(self) -> Moment:
        """Where the episode stands."""
        moment: Moment = self.view
        return moment


def shot_of(view: Any, frame: np.ndarray, reward: float) -> Shot:
    """The epoch that ended with a view, of which `frame` [height, width, 3] uint8 is the image."""
    return Shot(view, compact_png(frame), reward)


def compact_png(frame: np.ndarray) -> bytes:
    """An image [height, width, 3] uint8 as PNG with a palette of its own, a few times smaller than in full colour.

    Raises ImportError where Pillow is missing.
    """
    from PIL import Image

    buffer = BytesIO()
    flat = Image.fromarray(frame).quantize(COLOURS, dither=Image.Dither.NONE)
    flat.save(buffer, "png", optimize=True)
    return buffer.getvalue()
