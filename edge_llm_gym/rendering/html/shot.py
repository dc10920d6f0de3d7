"""One epoch of an episode page: its view, its frame as a compact PNG, and the reward of the step."""

from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

import numpy as np

from edge_llm_gym.rendering.moment import Moment

COLOURS: Final = 128
"""Most colours of a frame's palette: all that areas are filled with, and the most frequent ones of soft edges."""
BITS: Final = np.array([16, 8, 0])


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

    The most frequent colours are kept exactly, each other one becomes the nearest of them. A palette of averages would
    mix the colours of small areas, such as those of a legend. Raises ImportError where Pillow is missing.
    """
    from PIL import Image

    palette, index = _palette(frame)
    image = Image.fromarray(index)
    image.putpalette(palette.astype(np.uint8).tobytes())
    buffer = BytesIO()
    image.save(buffer, "png", optimize=True)
    return buffer.getvalue()


def _palette(frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The colours [n, 3] int and the index of each pixel's colour [height, width] uint8."""
    packed = (frame.astype(np.int64) << BITS).sum(axis=-1)
    found, place, count = np.unique(packed, return_inverse=True, return_counts=True)
    colours = (found[:, None] >> BITS) & 255
    kept = colours[np.argsort(-count, kind="stable")[:COLOURS]]
    distance = ((colours[:, None] - kept) ** 2).sum(axis=-1)
    return kept, distance.argmin(axis=1).astype(np.uint8)[place].reshape(packed.shape)
