"""One moment as an image: title and totals above four panels, map and queue, node batches and node memory."""

from typing import Final

import numpy as np

from edge_llm_gym.rendering.canvas import Box, Canvas, shortened, text_width
from edge_llm_gym.rendering.network_map import draw_map
from edge_llm_gym.rendering.node_panels import draw_batches, draw_memory
from edge_llm_gym.rendering.palette import GRID, INK, MUTED, OUTCOMES, PANEL
from edge_llm_gym.rendering.queue_panel import draw_queue
from edge_llm_gym.rendering.view import EpochView

WIDTH: Final = 960
HEIGHT: Final = 640
PANELS: Final = {
    "map": (Box(10, 66, 350, 384), draw_map),
    "queue": (Box(360, 66, 950, 384), draw_queue),
    "memory": (Box(10, 394, 350, 630), draw_memory),
    "batches": (Box(360, 394, 950, 630), draw_batches),
}
TITLE_SIZE: Final = 18
TOTALS_SIZE: Final = 14


def epoch_frame(view: EpochView) -> np.ndarray:
    """[HEIGHT, WIDTH, 3] uint8."""
    canvas = Canvas(WIDTH, HEIGHT)
    _draw_title(canvas, view)
    _draw_totals(canvas, view)
    for box, draw_panel in PANELS.values():
        canvas.fill(box, PANEL, GRID)
        draw_panel(canvas, box, view)
    return canvas.array()


def _draw_title(canvas: Canvas, view: EpochView) -> None:
    totals = view.totals
    share = totals.served_value / totals.arrived_value if totals.arrived_value > 0 else 0.0
    score = f"served value {totals.served_value:.1f} of {totals.arrived_value:.1f} ({share:.0%})"
    moment = f"epoch {view.epoch} of {view.horizon}   t = {view.time_s:.1f} s"
    left = canvas.text(WIDTH - 14, 20, score, TITLE_SIZE, INK, "right") - text_width(score, TITLE_SIZE)
    left = canvas.text(left - 28, 20, moment, TITLE_SIZE, MUTED, "right") - text_width(moment, TITLE_SIZE)
    canvas.text(14, 20, shortened(view.scenario, left - 34, TITLE_SIZE), TITLE_SIZE)


def _draw_totals(canvas: Canvas, view: EpochView) -> None:
    """Counts since the reset; their swatches are the legend of the outcome colours everywhere."""
    x = canvas.text(14, 46, f"{view.totals.arrived} arrived:", TOTALS_SIZE, MUTED) + 16
    for outcome, colour in OUTCOMES.items():
        canvas.fill(Box(x, 41, x + 11, 52), colour)
        x = canvas.text(x + 16, 46, f"{getattr(view.totals, outcome)} {outcome}", TOTALS_SIZE) + 18
    if view.last is not None:
        last = f"last epoch: reward {view.last.reward:+.2f}, nodes {view.last.utilisation:.0%} busy"
        canvas.text(WIDTH - 14, 46, shortened(last, WIDTH - 14 - x, TOTALS_SIZE), TOTALS_SIZE, MUTED, "right")
