"""One epoch of an episode page: its view, its frame as a compact PNG, and the reward of the step."""

from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

import numpy as np

from edge_llm_gym.rendering import palette
from edge_llm_gym.rendering.moment import Moment
from edge_llm_gym.rendering.palette import OUTCOMES

COLOURS: Final = 128
"""Most colours of a frame's palette: those of `palette`, and the most frequent ones of soft edges."""
BITS: Final = np.array([16, 8, 0])
NAMED: Final = np.array(sorted({*OUTCOMES.values(), *(one for one in vars(palette).values() if type(one) is tuple)}))
"""[n, 3], the colours of `palette`, which are kept exactly wherever they occur."""


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

    The colours of `palette` and the most frequent ones are kept exactly, each other one becomes the nearest of them: a
    palette of averages would mix the colours of small areas, such as those of a legend. Raises ImportError where Pillow
    is missing.
    """
    from PIL import Image

    kept, index = _kept_colours(frame)
    image = Image.fromarray(index)
    image.putpalette(kept.astype(np.uint8).tobytes())
    buffer = BytesIO()
    image.save(buffer, "png", optimize=True)
    return buffer.getvalue()


def _kept_colours(frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The colours [n, 3] int and the index of each pixel's colour [height, width] uint8."""
    packed = _packed(frame)
    found, place, count = np.unique(packed, return_inverse=True, return_counts=True)
    colours = (found[:, None] >> BITS) & 255
    weight = count + packed.size * np.isin(found, _packed(NAMED))
    kept = colours[np.argsort(-weight, kind="stable")[:COLOURS]]
    distance = ((colours[:, None] - kept) ** 2).sum(axis=-1)
    return kept, distance.argmin(axis=1).astype(np.uint8)[place].reshape(packed.shape)


def _packed(colours: np.ndarray) -> np.ndarray:
    """Colours [..., 3] as numbers [...]."""
    packed: np.ndarray = (colours.astype(np.int64) << BITS).sum(axis=-1)
    return packed
