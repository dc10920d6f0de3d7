"""The queue panel: time left per slot, earliest deadline first, and how many requests have no slot."""

from collections.abc import Callable
from typing import Final

from edge_llm_gym.rendering.canvas import Box, Canvas
from edge_llm_gym.rendering.palette import MUTED, OUTCOMES, URGENT
from edge_llm_gym.rendering.panels import AXIS_HEIGHT, LABEL_SIZE, Rows, TimeScale, heading, middle, round_up
from edge_llm_gym.rendering.terminal import compact
from edge_llm_gym.rendering.view import EpochView, SlotView

LEAST_ROWS: Final = 8  # row heights change in steps of two, so that bars do not dance from frame to frame
MOST_ROWS: Final = 64
BARS_LEFT: Final = 330
COLUMNS: Final[tuple[tuple[str, int, Callable[[SlotView], str]], ...]] = (  # head, right edge, content
    ("slot", 24, lambda slot: f"{slot.slot}"),
    ("device", 70, lambda slot: f"{slot.device}"),
    ("prompt", 118, lambda slot: f"{slot.prompt_tokens}"),
    ("output", 162, lambda slot: f"{slot.output_tokens}"),
    ("quality", 210, lambda slot: f"{slot.accuracy:.2f}"),
    ("value", 250, lambda slot: compact(slot.value)),
    ("waited (s)", 314, lambda slot: f"{slot.waited_s:.1f}"),
)


def draw_queue(canvas: Canvas, box: Box, view: EpochView, least_rows: int = LEAST_ROWS) -> None:
    """Draws the panel into a box, with room for `least_rows` requests, twice or four times as many ..."""
    shown = view.queue[:MOST_ROWS]
    hidden = len(view.queue) - len(shown) + view.hidden
    note = f"{len(view.queue)} shown, {view.hidden} hidden" + (
        f", first {MOST_ROWS} drawn" if hidden > view.hidden else ""
    )
    inside = heading(canvas, box, "Queue", (("under one epoch left", URGENT),), note)
    _draw_column_heads(canvas, inside)
    body = Box(inside.left, inside.top + 22, inside.right, inside.bottom - AXIS_HEIGHT)
    scale = TimeScale(body.left + BARS_LEFT, body.right - 6, 0.0, _span_s(shown, view.epoch_s))
    scale.grid(canvas, body.top, body.bottom)
    rows = Rows(body, _row_count(len(shown), least_rows), max_pitch=27)
    for index, slot in enumerate(shown):
        _draw_slot(canvas, rows, scale, index, slot, slot.left_s < view.epoch_s)


def _draw_column_heads(canvas: Canvas, inside: Box) -> None:
    for name, right, _ in COLUMNS:
        canvas.text(inside.left + right, inside.top + 8, name, LABEL_SIZE, MUTED, "right")
    canvas.text(inside.left + BARS_LEFT, inside.top + 8, "time left (s)", LABEL_SIZE, MUTED)


def _draw_slot(canvas: Canvas, rows: Rows, scale: TimeScale, index: int, slot: SlotView, urgent: bool) -> None:
    row = rows.row(index)
    bar = Box(scale.left, row.top, max(scale.x(slot.left_s), scale.left + 1), row.bottom)
    canvas.fill(bar, URGENT if urgent else OUTCOMES["pending"])
    if rows.is_labelled(index):
        for _, right, content in COLUMNS:
            canvas.text(row.left + right, middle(row), content(slot), LABEL_SIZE, align="right")


def _span_s(shown: tuple[SlotView, ...], epoch_s: float) -> float:
    """A round time that no deadline drawn exceeds, at least two epochs."""
    longest_s = max((slot.left_s for slot in shown), default=0.0)
    return round_up(max(longest_s, 2 * epoch_s), (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0))


def _row_count(shown: int, rows: int) -> int:
    while rows < shown:
        rows *= 2
    return rows
