"""The page of every frame: title, moment and score, counts with their colours, panels in two columns below."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from edge_llm_gym.rendering.canvas import Box, Canvas, shortened, text_width
from edge_llm_gym.rendering.moment import Moment
from edge_llm_gym.rendering.palette import GRID, INK, MUTED, PANEL, Colour

WIDTH: Final = 960
HEIGHT: Final = 640
TITLE_SIZE: Final = 18
TITLE_LEVEL: Final = 20  # vertical middles of the two lines above the panels
TOTALS_SIZE: Final = 14
TOTALS_LEVEL: Final = 46
SIDE_MARGIN: Final = 14
TITLE_GAP: Final = 28
SWATCH: Final = 11
SWATCH_GAP: Final = 5
COUNT_GAP: Final = 18

LEFT_COLUMN: Final = (10, 350)
RIGHT_COLUMN: Final = (360, 950)
PANELS_TOP: Final = 66
PANELS_BOTTOM: Final = 630
PANEL_GAP: Final = 10

Panels = Mapping[str, tuple[Box, Callable[[Canvas, Box, Any], None]]]
"""Name -> box of the panel, and the function that draws a view into that box."""


@dataclass(frozen=True)
class Summary:
    """The texts above the panels, beside the scenario and the moment."""

    score: str
    arrived: int
    counts: tuple[tuple[str, Colour], ...]
    """Their swatches are the legend of the outcome colours in all panels."""
    last: str
    """Figures of the last epoch, empty before the first one."""


def stacked(column: tuple[int, int], *ends: int) -> tuple[Box, ...]:
    """Boxes of a column, one below the other: they end at `ends` in pixels, and the last one with the column."""
    tops = (PANELS_TOP, *(end + PANEL_GAP for end in ends))
    return tuple(
        Box(column[0], top, column[1], bottom) for top, bottom in zip(tops, (*ends, PANELS_BOTTOM), strict=True)
    )


def draw_page(view: Moment, summary: Summary, panels: Panels) -> np.ndarray:
    """[HEIGHT, WIDTH, 3] uint8."""
    canvas = Canvas(WIDTH, HEIGHT)
    _draw_title(canvas, view, summary.score)
    _draw_totals(canvas, summary)
    for box, draw_panel in panels.values():
        canvas.fill(box, PANEL, GRID)
        draw_panel(canvas, box, view)
    return canvas.array()


def _draw_title(canvas: Canvas, view: Moment, score: str) -> None:
    moment = f"epoch {view.epoch} of {view.horizon}   t = {view.time_s:.1f} s"
    right = _right_aligned(canvas, WIDTH - SIDE_MARGIN, score, INK) - TITLE_GAP
    right = _right_aligned(canvas, right, moment, MUTED) - TITLE_GAP
    title = shortened(view.scenario, right - SIDE_MARGIN, TITLE_SIZE)
    canvas.text(SIDE_MARGIN, TITLE_LEVEL, title, TITLE_SIZE)


def _right_aligned(canvas: Canvas, right: int, text: str, colour: Colour) -> int:
    """Writes a text of the title line up to `right`; returns where it begins."""
    return canvas.text(right, TITLE_LEVEL, text, TITLE_SIZE, colour, "right") - text_width(text, TITLE_SIZE)


def _draw_totals(canvas: Canvas, summary: Summary) -> None:
    x = canvas.text(SIDE_MARGIN, TOTALS_LEVEL, f"{summary.arrived} arrived:", TOTALS_SIZE, MUTED) + COUNT_GAP
    for words, colour in summary.counts:
        top = TOTALS_LEVEL - SWATCH // 2
        canvas.fill(Box(x, top, x + SWATCH, top + SWATCH), colour)
        x = canvas.text(x + SWATCH + SWATCH_GAP, TOTALS_LEVEL, words, TOTALS_SIZE) + COUNT_GAP
    last = shortened(summary.last, WIDTH - SIDE_MARGIN - x, TOTALS_SIZE)
    canvas.text(WIDTH - SIDE_MARGIN, TOTALS_LEVEL, last, TOTALS_SIZE, MUTED, "right")
