"""The queue panel: the pending requests in their slots, earliest deadline first, with the time left to each."""

from typing import Final

from edge_llm_gym.rendering.batching.view import BatchingView, SlotView
from edge_llm_gym.rendering.canvas import Box, Canvas
from edge_llm_gym.rendering.palette import MUTED, OUTCOMES, URGENT
from edge_llm_gym.rendering.panels import (
    AXIS_HEIGHT,
    LABEL_SIZE,
    Column,
    Columns,
    Legend,
    Rows,
    draw_cells,
    draw_column_heads,
    heading,
    middle,
)
from edge_llm_gym.rendering.scales import LinearScale, round_up
from edge_llm_gym.rendering.terminal import compact

MIN_ROWS: Final = 8  # the number of rows doubles when needed, so that row heights seldom change between frames
MAX_ROWS: Final = 64
MAX_PITCH: Final = 27
HEADS_LEVEL: Final = 8
HEADS_HEIGHT: Final = 22
BARS_LEFT: Final = 346
BARS_RIGHT_MARGIN: Final = 42
MIN_SPAN_EPOCHS: Final = 2
SPAN_FACTORS: Final = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
LEGEND: Final[Legend] = (("under one epoch left", URGENT),)
COLUMNS: Final[Columns] = (
    Column("slot", 24, lambda slot: f"{slot.slot}"),
    Column("device", 70, lambda slot: f"{slot.device}"),
    Column("prompt", 118, lambda slot: f"{slot.prompt_tokens}"),
    Column("output", 162, lambda slot: f"{slot.output_tokens}"),
    Column("min quality", 232, lambda slot: f"{slot.accuracy:.2f}"),
    Column("value", 270, lambda slot: compact(slot.value)),
    Column("waited (s)", 334, lambda slot: f"{slot.waited_s:.1f}"),
)


def draw_queue(canvas: Canvas, box: Box, view: BatchingView, min_rows: int = MIN_ROWS) -> None:
    """Draws the panel into a box, with `min_rows` rows, or twice or four times as many ... where more are needed."""
    drawn = view.queue[:MAX_ROWS]
    inside = heading(canvas, box, "Queue", LEGEND, _note(view))
    level = inside.top + HEADS_LEVEL
    draw_column_heads(canvas, inside.left, level, COLUMNS)
    canvas.text(inside.left + BARS_LEFT, level, "time left (s)", LABEL_SIZE, MUTED)
    body = inside._replace(top=inside.top + HEADS_HEIGHT, bottom=inside.bottom - AXIS_HEIGHT)
    scale = LinearScale(body.left + BARS_LEFT, body.right - BARS_RIGHT_MARGIN, 0.0, _span_s(drawn, view.epoch_s))
    scale.grid(canvas, body.top, body.bottom)
    rows = Rows(body, _row_count(len(drawn), min_rows), MAX_PITCH)
    for index, slot in enumerate(drawn):
        colour = URGENT if slot.left_s < view.epoch_s else OUTCOMES["pending"]
        canvas.fill(rows.part(index, scale.left, max(scale.x(slot.left_s), scale.left + 1)), colour)
        if rows.is_labelled(index):
            draw_cells(canvas, rows.row(index), COLUMNS, slot)
            canvas.text(inside.right, middle(rows.row(index)), f"{slot.left_s:.1f}", LABEL_SIZE, align="right")


def _note(view: BatchingView) -> str:
    first = f", first {MAX_ROWS} drawn" if len(view.queue) > MAX_ROWS else ""
    return f"{len(view.queue)} in slots, {view.hidden} hidden{first}"


def _span_s(drawn: tuple[SlotView, ...], epoch_s: float) -> float:
    """A round time that no drawn deadline exceeds, at least MIN_SPAN_EPOCHS epochs."""
    longest_s = max((slot.left_s for slot in drawn), default=0.0)
    return round_up(max(longest_s, MIN_SPAN_EPOCHS * epoch_s), SPAN_FACTORS)


def _row_count(needed: int, rows: int) -> int:
    while rows < needed:
        rows *= 2
    return rows
