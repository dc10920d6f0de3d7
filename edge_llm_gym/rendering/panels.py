"""What the panels of a frame share: headings, legends, rows that fit, and scales with round ticks."""

import math
from typing import Final

from edge_llm_gym.rendering.canvas import Box, Canvas, line_height, shortened, text_width
from edge_llm_gym.rendering.palette import GRID, INK, MUTED, Colour

HEADING_SIZE: Final = 14
LABEL_SIZE: Final = 12
PADDING: Final = 10
HEADING_HEIGHT: Final = 28
AXIS_HEIGHT: Final = 20
LABEL_PITCH: Final = 13  # least distance between two lines of labels


def heading(canvas: Canvas, box: Box, title: str, legend: tuple[tuple[str, Colour], ...] = (), note: str = "") -> Box:
    """Writes title, note and, from the right, a legend of swatches; returns the box that is left below."""
    middle, right = box.top + HEADING_HEIGHT // 2 + 1, box.right - PADDING
    for name, colour in reversed(legend):
        right = canvas.text(right, middle, name, LABEL_SIZE, MUTED, "right") - text_width(name, LABEL_SIZE) - 14
        canvas.fill(Box(right, middle - 5, right + 10, middle + 5), colour, GRID)
        right -= 12
    x = canvas.text(box.left + PADDING, middle, title, HEADING_SIZE, INK)
    canvas.text(x + 10, middle, shortened(note, right - x - 14, LABEL_SIZE), LABEL_SIZE, MUTED)
    return Box(box.left + PADDING, box.top + HEADING_HEIGHT, box.right - PADDING, box.bottom - 6)


class Rows:
    """Rows of equal height from the top of a box, at most `max_pitch` high; labels on as many as leave room."""

    def __init__(self, box: Box, count: int, max_pitch: int) -> None:
        self.box = box
        self.pitch = min(box.height / count, float(max_pitch))
        self.label_every = math.ceil(LABEL_PITCH / self.pitch)

    def row(self, index: int) -> Box:
        """The bar's box of a row, across the whole width."""
        gap = self.pitch * 0.1
        top, bottom = self.box.top + index * self.pitch, self.box.top + (index + 1) * self.pitch
        return Box(self.box.left, round(top + gap), self.box.right, max(round(bottom - gap), round(top + gap) + 1))

    def is_labelled(self, index: int) -> bool:
        """Whether the row's label has room."""
        return index % self.label_every == 0

    def bottom(self, count: int) -> int:
        """Where `count` rows end."""
        return round(self.box.top + count * self.pitch)


class TimeScale:
    """A linear scale of seconds between two pixels."""

    def __init__(self, left: int, right: int, begin_s: float, end_s: float) -> None:
        self.left, self.right, self.begin_s, self.end_s = left, right, begin_s, end_s

    def x(self, time_s: float) -> int:
        """Pixel of a time, clipped to the scale."""
        clipped_s = min(max(time_s, self.begin_s), self.end_s)
        return self.left + round((self.right - self.left) * (clipped_s - self.begin_s) / (self.end_s - self.begin_s))

    def grid(self, canvas: Canvas, top: int, bottom: int, most: int = 5) -> None:
        """Vertical lines at round times, at most so many steps of them, and their labels below."""
        step_s = round_up((self.end_s - self.begin_s) / most, (1.0, 2.0, 5.0))
        for tick in range(math.ceil(self.begin_s / step_s - 1e-9), math.floor(self.end_s / step_s + 1e-9) + 1):
            x = self.x(tick * step_s)
            canvas.vertical(x, top, bottom, GRID)
            canvas.text(x, bottom + AXIS_HEIGHT // 2, f"{tick * step_s:g}", LABEL_SIZE, MUTED, "centre")


def round_up(value: float, factors: tuple[float, ...]) -> float:
    """The smallest product of a factor in [1, 10) and a power of ten that is not below a positive value."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(factor * power for factor in (*factors, 10.0) if factor * power >= value * (1 - 1e-9))


def middle(box: Box) -> int:
    """Vertical middle."""
    return (box.top + box.bottom) // 2


def fits_a_label(box: Box) -> bool:
    """Whether a line of labels fits the height of a bar."""
    return box.height >= line_height(LABEL_SIZE) - 3
