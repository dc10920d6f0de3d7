"""Parts of the panels of a frame: headings, legends, footers, rows of equal height, columns of text."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from edge_llm_gym.rendering.canvas import Box, Canvas, line_height, shortened, text_width
from edge_llm_gym.rendering.palette import GRID, INK, MUTED, Colour

HEADING_SIZE: Final = 14
LABEL_SIZE: Final = 12
PADDING: Final = 10
BOTTOM_PADDING: Final = 6
HEADING_HEIGHT: Final = 28
FOOTER_HEIGHT: Final = 18
AXIS_HEIGHT: Final = 20
LABEL_PITCH: Final = 13  # least distance between two lines of labels
SWATCH: Final = 10
SWATCH_GAP: Final = 4  # between a swatch and its label
LEGEND_GAP: Final = 12  # between the entries of a legend
NOTE_GAP: Final = 10
ROW_GAP: Final = 0.1  # of the pitch, above and below a bar

Legend = tuple[tuple[str, Colour], ...]


def heading(canvas: Canvas, box: Box, title: str, legend: Legend = (), note: str = "") -> Box:
    """Writes title, note and, from the right, a legend of swatches; returns the box that is left below."""
    level, right = box.top + HEADING_HEIGHT // 2 + 1, box.right - PADDING
    for name, colour in reversed(legend):
        right = canvas.text(right, level, name, LABEL_SIZE, MUTED, "right") - text_width(name, LABEL_SIZE)
        right -= SWATCH + SWATCH_GAP
        canvas.fill(Box(right, level - SWATCH // 2, right + SWATCH, level + SWATCH // 2), colour, GRID)
        right -= LEGEND_GAP
    x = canvas.text(box.left + PADDING, level, title, HEADING_SIZE, INK) + NOTE_GAP
    canvas.text(x, level, shortened(note, right - x - SWATCH_GAP, LABEL_SIZE), LABEL_SIZE, MUTED)
    return Box(box.left + PADDING, box.top + HEADING_HEIGHT, box.right - PADDING, box.bottom - BOTTOM_PADDING)


def footer(canvas: Canvas, box: Box, line: str) -> Box:
    """Writes a line at the foot of a box; returns the box that is left above."""
    inside = box._replace(bottom=box.bottom - FOOTER_HEIGHT)
    level = inside.bottom + FOOTER_HEIGHT // 2 + 2
    canvas.text(inside.left, level, shortened(line, inside.width, LABEL_SIZE), LABEL_SIZE, MUTED)
    return inside


class Rows:
    """Rows of equal height from the top of a box, at most `max_pitch` high; labels on as many rows as they fit."""

    def __init__(self, box: Box, count: int, max_pitch: int) -> None:
        self.box = box
        self.pitch = min(box.height / count, float(max_pitch))
        self.label_every = math.ceil(LABEL_PITCH / self.pitch)

    def row(self, index: int) -> Box:
        """The bar's box of a row, across the whole width."""
        gap = self.pitch * ROW_GAP
        top = round(self.box.top + index * self.pitch + gap)
        bottom = round(self.box.top + (index + 1) * self.pitch - gap)
        return self.box._replace(top=top, bottom=max(bottom, top + 1))

    def part(self, index: int, left: int, right: int) -> Box:
        """The part of a row's bar between two pixels."""
        return self.row(index)._replace(left=left, right=right)

    def is_labelled(self, index: int) -> bool:
        """Whether the row's label fits."""
        return index % self.label_every == 0

    def bottom(self, count: int) -> int:
        """Where `count` rows end."""
        return round(self.box.top + count * self.pitch)


class Column(NamedTuple):
    """A right-aligned column of text in a table of rows."""

    head: str
    right: int
    """Its right edge, in pixels from the left of the rows."""
    content: Callable[[Any], str]
    """What it shows of a row's item."""


Columns = tuple[Column, ...]


def draw_column_heads(canvas: Canvas, left: int, level: int, columns: Sequence[Column]) -> None:
    """Writes the heads of columns; `level` is the vertical middle."""
    for column in columns:
        canvas.text(left + column.right, level, column.head, LABEL_SIZE, MUTED, "right")


def draw_cells(canvas: Canvas, row: Box, columns: Sequence[Column], item: object) -> None:
    """Writes what the columns show of a row's item."""
    for column in columns:
        canvas.text(row.left + column.right, middle(row), column.content(item), LABEL_SIZE, INK, "right")


def middle(box: Box) -> int:
    """Vertical middle."""
    return (box.top + box.bottom) // 2


def fits_a_label(box: Box) -> bool:
    """Whether a line of labels fits the height of a bar."""
    return box.height >= line_height(LABEL_SIZE) - 3
