"""The exit panel: how many leave at each exit, and the confidences there beside the thresholds."""

from typing import Final

from edge_llm_gym.rendering.canvas import Box, Canvas
from edge_llm_gym.rendering.palette import EXIT, INK, MUTED, QUARTILES, SPREAD, STRIP, THRESHOLD
from edge_llm_gym.rendering.panels import AXIS_HEIGHT, LABEL_SIZE, Rows, TimeScale, heading, middle
from edge_llm_gym.rendering.streaming.exits import Exiting, ExitView
from edge_llm_gym.sim.exit_observation import (
    SEEN_EPOCHS,
)

LEGEND: Final = (("10-90 %", SPREAD), ("25-75 %", QUARTILES), ("median", INK), ("threshold", THRESHOLD))
MAX_PITCH: Final = 42
SHARE_BAR: Final = (44, 158)
CONFIDENCE: Final = (270, 562)
NOW, IN_ALL = 196, 246  # right edges of the shares of the last epoch and of the episode


def draw_exits(canvas: Canvas, box: Box, view: Exiting) -> None:
    """Draws the panel into a box."""
    inside = heading(canvas, box, "Exits", LEGEND, "bar: last epoch, line: episode")
    _draw_heads(canvas, inside)
    body = Box(inside.left, inside.top + 18, inside.right, inside.bottom - AXIS_HEIGHT)
    rows = Rows(body, len(view.exits), MAX_PITCH)
    shares, confidences = (
        TimeScale(inside.left + begin, inside.left + end, 0.0, 1.0) for begin, end in (SHARE_BAR, CONFIDENCE)
    )
    for index in range(len(view.exits)):
        for scale in (shares, confidences):
            canvas.fill(Box(scale.left, rows.row(index).top, scale.right, rows.row(index).bottom), STRIP)
    confidences.grid(canvas, body.top, rows.bottom(len(view.exits)))
    for index, one in enumerate(view.exits):
        _draw_share(canvas, rows, shares, index, one, view)
        _draw_confidence(canvas, rows.row(index), confidences, one)


def _draw_heads(canvas: Canvas, inside: Box) -> None:
    seen = f"confidence seen there in {SEEN_EPOCHS} epochs"
    for name, left in (("leave there", SHARE_BAR[0]), (seen, CONFIDENCE[0])):
        canvas.text(inside.left + left, inside.top + 7, name, LABEL_SIZE, MUTED)
    for name, right in (("last", NOW), ("episode", IN_ALL)):
        canvas.text(inside.left + right, inside.top + 7, name, LABEL_SIZE, MUTED, "right")


def _draw_share(canvas: Canvas, rows: Rows, scale: TimeScale, index: int, one: ExitView, view: Exiting) -> None:
    row = rows.row(index)
    now, in_all = one.left / max(view.settled, 1), one.left_in_all / max(view.settled_in_all, 1)
    canvas.fill(Box(scale.left, row.top, scale.x(now), row.bottom), EXIT)
    canvas.vertical(scale.x(in_all), row.top - 1, row.bottom + 1, INK)
    if rows.is_labelled(index):
        canvas.text(row.left, middle(row), f"exit {one.exit}", LABEL_SIZE, INK)
        canvas.text(row.left + NOW, middle(row), f"{now:.0%}", LABEL_SIZE, INK, "right")
        canvas.text(row.left + IN_ALL, middle(row), f"{in_all:.0%}", LABEL_SIZE, MUTED, "right")


def _draw_confidence(canvas: Canvas, row: Box, scale: TimeScale, one: ExitView) -> None:
    """From the outermost quantiles inwards, then the thresholds on top."""
    inset = row.height // 4
    if one.quantiles:
        lowest, low, median, high, highest = (scale.x(quantile) for quantile in one.quantiles)
        canvas.fill(Box(lowest, row.top + inset, highest, row.bottom - inset), SPREAD)
        canvas.fill(Box(low, row.top + inset, high, row.bottom - inset), QUARTILES)
        canvas.fill(Box(median - 1, row.top + inset, median + 1, row.bottom - inset), INK)
    for threshold in one.thresholds:
        x = scale.x(threshold)
        canvas.fill(Box(x - 1, row.top, x + 1, row.bottom), THRESHOLD)
