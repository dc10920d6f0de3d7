"""The scale bar of a map: a round length, in the corner where it covers least."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from edge_llm_gym.rendering.canvas import Box, Canvas, line_height, text_width
from edge_llm_gym.rendering.palette import INK, STRIP
from edge_llm_gym.rendering.panels import LABEL_SIZE, middle
from edge_llm_gym.rendering.placement import DOT_HALF, NODE_HALF, Pixel, around
from edge_llm_gym.rendering.scales import TICK_FACTORS, round_up
from edge_llm_gym.units import METRES_PER_KM

MIN_PIXELS: Final = 40
INSET: Final = 4  # from the corner
TICK: Final = 4  # height of the ends above and below the line
TEXT_GAP: Final = 6
NODE_WEIGHT: Final = 1000
"""A covered node counts as much as that many covered devices."""


@dataclass(frozen=True)
class ScaleBar:
    """A length in m, its pixels, and the box of bar and label."""

    length_m: float
    pixels: int
    box: Box

    @property
    def label(self) -> str:
        """The length with its unit."""
        return length_text(self.length_m)

    def draw(self, canvas: Canvas) -> None:
        """Draws the bar and, to its right, the label."""
        left, level = self.box.left, middle(self.box)
        right = left + self.pixels
        canvas.fill(Box(left, level, right, level + 1), INK)
        for end in (left, right - 1):
            canvas.fill(Box(end, level - TICK, end + 1, level + TICK + 1), INK)
        canvas.outlined_text(right + TEXT_GAP, level, self.label, LABEL_SIZE, STRIP)


def length_text(length_m: float) -> str:
    """A length in m, or in km from 1 km on."""
    return f"{length_m:g} m" if length_m < METRES_PER_KM else f"{length_m / METRES_PER_KM:g} km"


def scale_bar(pixels_per_m: float, inside: Box, nodes: Sequence[Pixel], devices: Sequence[Pixel]) -> ScaleBar:
    """The bar of a map in a box: the shortest round length of at least MIN_PIXELS."""
    length_m = round_up(MIN_PIXELS / pixels_per_m, TICK_FACTORS)
    pixels = round(length_m * pixels_per_m)
    width = pixels + TEXT_GAP + text_width(length_text(length_m), LABEL_SIZE)
    corners = _corners(inside, width, line_height(LABEL_SIZE))
    return ScaleBar(length_m, pixels, min(corners, key=lambda box: _covered(box, nodes, devices)))


def _corners(inside: Box, width: int, height: int) -> Iterator[Box]:
    """Lower left, lower right, upper left, upper right."""
    for top in (inside.bottom - INSET - height, inside.top + INSET):
        for left in (inside.left + INSET, inside.right - INSET - width):
            yield Box(left, top, left + width, top + height)


def _covered(box: Box, nodes: Sequence[Pixel], devices: Sequence[Pixel]) -> int:
    covered_nodes = sum(box.overlaps(around(pixel, NODE_HALF)) for pixel in nodes)
    return NODE_WEIGHT * covered_nodes + sum(box.overlaps(around(pixel, DOT_HALF)) for pixel in devices)
