"""The two panels with a row per node: a Gantt strip of its latest batches, and what fills its memory."""

from collections.abc import Callable
from typing import Any, Final

from edge_llm_gym.rendering.canvas import Box, Canvas, shortened, text_width
from edge_llm_gym.rendering.history import Batch
from edge_llm_gym.rendering.palette import FREE, FREED, INK, KV_CACHE, MUTED, OUTCOMES, PANEL, STRIP, WEIGHTS, Colour
from edge_llm_gym.rendering.panels import AXIS_HEIGHT, LABEL_SIZE, Rows, TimeScale, fits_a_label, heading, middle
from edge_llm_gym.rendering.view import EpochView, NodeView
from edge_llm_gym.units import GIGA

WINDOW_EPOCHS: Final = (-1, 3)
NAME_WIDTH: Final = 84
VALUE_WIDTH: Final = 78
MAX_PITCH: Final = 60
COLUMN_GAP: Final = 14
BATCH_NOTE: Final = "seconds from now; numbers count requests"
Columns = tuple[tuple[str, int, Callable[[Any], str]], ...]
"""Head, right edge, content of a node."""


def draw_batches(canvas: Canvas, box: Box, view: EpochView, columns: Columns = (), note: str = BATCH_NOTE) -> None:
    """Draws the batches of the last epoch and those still running or queued, split by what becomes of the requests.

    `columns` stand between the names and the batches.
    """
    inside = heading(canvas, box, "Batches", note=note)
    body = _body(canvas, inside, "free in")
    begin_s, end_s = (epochs * view.epoch_s for epochs in WINDOW_EPOCHS)
    begin = columns[-1][1] + COLUMN_GAP if columns else NAME_WIDTH
    scale = TimeScale(body.left + begin, body.right - VALUE_WIDTH, begin_s, end_s)
    rows = Rows(body, len(view.nodes), MAX_PITCH)
    bottom = rows.bottom(len(view.nodes))
    for index in range(len(view.nodes)):
        canvas.fill(_strip(rows, index, scale), STRIP)
    scale.grid(canvas, body.top, bottom)
    for index, node in enumerate(view.nodes):
        for batch in node.batches:
            _draw_batch(canvas, _strip(rows, index, scale), scale, batch, view.time_s)
        free_in_s = max(node.free_at_s - view.time_s, 0.0)
        _draw_labels(canvas, rows, index, node, f"{free_in_s:.1f} s" if free_in_s > 0 else "idle")
        _draw_columns(canvas, rows, index, node, columns)
    for name, right, _ in columns:
        canvas.text(inside.left + right, inside.top + 6, name, LABEL_SIZE, MUTED, "right")
    canvas.vertical(scale.x(0.0), body.top - 3, bottom + 3, INK)


def _strip(rows: Rows, index: int, scale: TimeScale) -> Box:
    row = rows.row(index)
    return Box(scale.left, row.top, scale.right, row.bottom)


def _draw_batch(canvas: Canvas, strip: Box, scale: TimeScale, batch: Batch, now_s: float) -> None:
    left, right = scale.x(batch.begin_s - now_s), scale.x(batch.end_s - now_s)
    if right <= left:
        return
    bar = Box(left, strip.top, right, strip.bottom)
    _draw_mix(canvas, bar, batch)
    _draw_count(canvas, bar, scale.x(0.0), f"{batch.requests}")


def _draw_count(canvas: Canvas, bar: Box, now: int, count: str) -> None:
    """Writes the count into the longer part of a bar before or after now, where it has room."""
    split = min(max(now, bar.left), bar.right)
    left, right = max((bar.left, split), (split, bar.right), key=lambda part: part[1] - part[0])
    if fits_a_label(bar) and text_width(count, LABEL_SIZE) + 4 <= right - left:
        canvas.text((left + right) // 2, middle(bar), count, LABEL_SIZE, PANEL, "centre")


def _draw_mix(canvas: Canvas, bar: Box, batch: Batch) -> None:
    """Stacks the outcomes over the height of a bar, each as high as its share, and closes the bar with a pale edge."""
    done = 0
    for outcome in ("served", "late", "below_quality"):
        top = bar.top + round(bar.height * done / batch.requests)
        done += getattr(batch, outcome)
        bottom = bar.top + round(bar.height * done / batch.requests)
        canvas.fill(Box(bar.left, top, bar.right, bottom), OUTCOMES[outcome])
    canvas.vertical(bar.right - 1, bar.top, bar.bottom, PANEL)


def draw_memory(canvas: Canvas, box: Box, view: EpochView) -> None:
    """Draws one bar per node, as long as its usable memory: weights, KV caches now and in the last epoch, free."""
    legend = (("weights", WEIGHTS), ("KV caches", KV_CACHE), ("freed", FREED), ("free", FREE))
    inside = heading(canvas, box, "Memory", legend)
    body = _body(canvas, inside, "free GB")
    rows = Rows(body, len(view.nodes), MAX_PITCH)
    for index, node in enumerate(view.nodes):
        row = rows.row(index)
        bar = Box(row.left + NAME_WIDTH, row.top, row.right - VALUE_WIDTH, row.bottom)
        _draw_parts(canvas, bar, _memory_parts(node))
        value = f"{node.free_bytes / GIGA:.1f} / {node.usable_bytes / GIGA:.0f}"
        _draw_labels(canvas, rows, index, node, value)


def _memory_parts(node: NodeView) -> tuple[tuple[float, Colour], ...]:
    return (
        (node.weight_bytes, WEIGHTS),
        (node.kv_bytes, KV_CACHE),
        (node.freed_bytes, FREED),
        (node.free_bytes - node.freed_bytes, FREE),
    )


def _draw_parts(canvas: Canvas, bar: Box, parts: tuple[tuple[float, Colour], ...]) -> None:
    """Fills a bar from the left with parts in proportion."""
    total, done = sum(amount for amount, _ in parts), 0.0
    for amount, colour in parts:
        left = bar.left + round(bar.width * done / total)
        done += amount
        canvas.fill(Box(left, bar.top, bar.left + round(bar.width * done / total), bar.bottom), colour)


def _body(canvas: Canvas, inside: Box, value_head: str) -> Box:
    """Room for the rows between the column heads and the axis."""
    canvas.text(inside.right, inside.top + 6, value_head, LABEL_SIZE, MUTED, "right")
    return Box(inside.left, inside.top + 16, inside.right, inside.bottom - AXIS_HEIGHT)


def _draw_labels(canvas: Canvas, rows: Rows, index: int, node: NodeView, value: str) -> None:
    if rows.is_labelled(index):
        row = rows.row(index)
        canvas.text(row.left, middle(row), shortened(node.name, NAME_WIDTH - 8, LABEL_SIZE), LABEL_SIZE, INK)
        canvas.text(row.right, middle(row), value, LABEL_SIZE, INK, "right")


def _draw_columns(canvas: Canvas, rows: Rows, index: int, node: NodeView, columns: Columns) -> None:
    if rows.is_labelled(index):
        for _, right, content in columns:
            canvas.text(rows.box.left + right, middle(rows.row(index)), content(node), LABEL_SIZE, INK, "right")
