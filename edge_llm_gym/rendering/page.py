"""The page that every frame is drawn on: title, moment and score, counts with their colours, panels below."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from edge_llm_gym.rendering.canvas import Box, Canvas, shortened, text_width
from edge_llm_gym.rendering.palette import GRID, INK, MUTED, PANEL, Colour

WIDTH: Final = 960
HEIGHT: Final = 640
TITLE_SIZE: Final = 18
TOTALS_SIZE: Final = 14
Panels = Mapping[str, tuple[Box, Callable[[Canvas, Box, Any], None]]]
"""Name -> where the panel stands, and what draws a view into that box."""


@dataclass(frozen=True)
class Head:
    """What stands above the panels."""

    title: str
    moment: str
    score: str
    total: str
    counts: tuple[tuple[str, Colour], ...]
    """Their swatches are the legend of the outcome colours everywhere."""
    last: str


def draw_page(head: Head, panels: Panels, view: object) -> np.ndarray:
    """[HEIGHT, WIDTH, 3] uint8."""
    canvas = Canvas(WIDTH, HEIGHT)
    _draw_title(canvas, head)
    _draw_totals(canvas, head)
    for box, draw_panel in panels.values():
        canvas.fill(box, PANEL, GRID)
        draw_panel(canvas, box, view)
    return canvas.array()


def _draw_title(canvas: Canvas, head: Head) -> None:
    left = canvas.text(WIDTH - 14, 20, head.score, TITLE_SIZE, INK, "right") - text_width(head.score, TITLE_SIZE)
    left = canvas.text(left - 28, 20, head.moment, TITLE_SIZE, MUTED, "right") - text_width(head.moment, TITLE_SIZE)
    canvas.text(14, 20, shortened(head.title, left - 34, TITLE_SIZE), TITLE_SIZE)


def _draw_totals(canvas: Canvas, head: Head) -> None:
    x = canvas.text(14, 46, head.total, TOTALS_SIZE, MUTED) + 16
    for words, colour in head.counts:
        canvas.fill(Box(x, 41, x + 11, 52), colour)
        x = canvas.text(x + 16, 46, words, TOTALS_SIZE) + 18
    canvas.text(WIDTH - 14, 46, shortened(head.last, WIDTH - 14 - x, TOTALS_SIZE), TOTALS_SIZE, MUTED, "right")
