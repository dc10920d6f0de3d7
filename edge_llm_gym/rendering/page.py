"""The page of every frame: title and score, moment and last epoch, counts with their colours, panels below."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from edge_llm_gym.rendering.canvas import Box, Canvas, shortened, text_width
from edge_llm_gym.rendering.moment import Moment
from edge_llm_gym.rendering.palette import GRID, INK, MUTED, PANEL, Colour

WIDTH: Final = 960
HEIGHT: Final = 660
TITLE_SIZE: Final = 18
TITLE_LEVEL: Final = 20  # vertical middles of the three lines above the panels
LINE_SIZE: Final = 14
MOMENT_LEVEL: Final = 45
TOTALS_LEVEL: Final = 68
SIDE_MARGIN: Final = 14
TITLE_GAP: Final = 28
CAPTION_GAP: Final = 12
SWATCH: Final = 11
SWATCH_GAP: Final = 5
COUNT_GAP: Final = 18

LEFT_COLUMN: Final = (10, 350)
RIGHT_COLUMN: Final = (360, 950)
PANELS_TOP: Final = 86
PANELS_BOTTOM: Final = 650
PANEL_GAP: Final = 10

Panels = Mapping[str, tuple[Box, Callable[[Canvas, Box, Any], None]]]
"""Name -> box of the panel, and the function that draws a view into that box."""


@dataclass(frozen=True)
class Summary:
    """The texts above the panels, beside the scenario and the moment."""

    score: str
    arrived: int
    counts: tuple[tuple[str, Colour], ...]
    """Add up to `arrived`; their swatches are the legend of the outcome colours in all panels."""
    last: str
    """Figures of the last epoch, empty before the first one."""
    aside: str = ""
    """Further counts, of requests that are among those above."""


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
    _draw_moment(canvas, view, summary.last)
    _draw_totals(canvas, summary)
    for box, draw_panel in panels.values():
        canvas.fill(box, PANEL, GRID)
        draw_panel(canvas, box, view)
    return canvas.array()


def _draw_title(canvas: Canvas, view: Moment, score: str) -> None:
    """Scenario, caption and, at the right, the score. Of two long names each has at least half of the space."""
    canvas.text(WIDTH - SIDE_MARGIN, TITLE_LEVEL, score, TITLE_SIZE, INK, "right")
    space = WIDTH - 2 * SIDE_MARGIN - text_width(score, TITLE_SIZE) - TITLE_GAP
    caption_width = text_width(view.caption, TITLE_SIZE) + CAPTION_GAP if view.caption else 0
    title = shortened(view.scenario, max(space - caption_width, space // 2), TITLE_SIZE)
    x = canvas.text(SIDE_MARGIN, TITLE_LEVEL, title, TITLE_SIZE) + CAPTION_GAP
    caption = shortened(view.caption, SIDE_MARGIN + space - x, TITLE_SIZE)
    canvas.text(x, TITLE_LEVEL, caption, TITLE_SIZE, MUTED)


def _draw_moment(canvas: Canvas, view: Moment, last: str) -> None:
    moment = f"epoch {view.epoch} of {view.horizon}, t = {view.time_s:.1f} s"
    x = canvas.text(SIDE_MARGIN, MOMENT_LEVEL, moment, LINE_SIZE, MUTED) + TITLE_GAP
    words = shortened(last, WIDTH - SIDE_MARGIN - x, LINE_SIZE)
    canvas.text(WIDTH - SIDE_MARGIN, MOMENT_LEVEL, words, LINE_SIZE, MUTED, "right")


def _draw_totals(canvas: Canvas, summary: Summary) -> None:
    x = canvas.text(SIDE_MARGIN, TOTALS_LEVEL, f"{summary.arrived} arrived:", LINE_SIZE, MUTED) + COUNT_GAP
    for words, colour in summary.counts:
        top = TOTALS_LEVEL - SWATCH // 2
        canvas.fill(Box(x, top, x + SWATCH, top + SWATCH), colour)
        x = canvas.text(x + SWATCH + SWATCH_GAP, TOTALS_LEVEL, words, LINE_SIZE) + COUNT_GAP
    aside = shortened(summary.aside, WIDTH - SIDE_MARGIN - x, LINE_SIZE)
    canvas.text(x, TOTALS_LEVEL, aside, LINE_SIZE, MUTED)
