"""The batch panel: a Gantt strip of the latest batches of each node."""

from typing import Final

from edge_llm_gym.rendering.batching.history import Batch
from edge_llm_gym.rendering.batching.node_rows import (
    HEADS_LEVEL,
    NAME_WIDTH,
    VALUE_WIDTH,
    draw_labels,
    node_rows,
)
from edge_llm_gym.rendering.batching.view import BatchingView, NodeView
from edge_llm_gym.rendering.canvas import Box, Canvas, text_width
from edge_llm_gym.rendering.outcomes import COMPUTED
from edge_llm_gym.rendering.palette import INK, OUTCOMES, PANEL, STRIP
from edge_llm_gym.rendering.panels import (
    LABEL_SIZE,
    Columns,
    draw_cells,
    draw_column_heads,
    fits_a_label,
    heading,
    middle,
)
from edge_llm_gym.rendering.scales import LinearScale

WINDOW_EPOCHS: Final = (-1, 3)  # begin and end of the time axis, from now
COLUMN_GAP: Final = 14
COUNT_PADDING: Final = 4
NOW_OVERHANG: Final = 3  # pixels by which the line at the current time exceeds the rows
NOTE: Final = "seconds from now; numbers count requests"


def draw_batches(canvas: Canvas, box: Box, view: BatchingView, columns: Columns = (), note: str = NOTE) -> None:
    """Draws the batches of the last epoch and the running and queued ones, split by the outcomes of their requests.

    `columns` stand between the names and the batches.
    """
    inside = heading(canvas, box, "Batches", note=note)
    rows = node_rows(canvas, inside, view, "free in")
    begin, end = (epochs * view.epoch_s for epochs in WINDOW_EPOCHS)
    left = columns[-1].right + COLUMN_GAP if columns else NAME_WIDTH
    scale = LinearScale(inside.left + left, inside.right - VALUE_WIDTH, begin, end)
    top, bottom = rows.box.top, rows.bottom(len(view.nodes))
    strips = [rows.part(index, scale.left, scale.right) for index in range(len(view.nodes))]
    for strip in strips:
        canvas.fill(strip, STRIP)
    scale.grid(canvas, top, bottom)
    draw_column_heads(canvas, inside.left, inside.top + HEADS_LEVEL, columns)
    for index, node in enumerate(view.nodes):
        for batch in node.batches:
            _draw_batch(canvas, strips[index], scale, batch, view.time_s)
        if rows.is_labelled(index):
            draw_labels(canvas, rows.row(index), node, _free_in(node, view.time_s))
            draw_cells(canvas, rows.row(index), columns, node)
    canvas.vertical(scale.x(0.0), top - NOW_OVERHANG, bottom + NOW_OVERHANG, INK)


def _free_in(node: NodeView, now_s: float) -> str:
    return f"{node.free_at_s - now_s:.1f} s" if node.free_at_s > now_s else "idle"


def _draw_batch(canvas: Canvas, strip: Box, scale: LinearScale, batch: Batch, now_s: float) -> None:
    left, right = scale.x(batch.begin_s - now_s), scale.x(batch.end_s - now_s)
    if right > left:
        bar = strip._replace(left=left, right=right)
        _draw_outcomes(canvas, bar, batch)
        _draw_count(canvas, bar, scale.x(0.0), f"{batch.requests}")


def _draw_outcomes(canvas: Canvas, bar: Box, batch: Batch) -> None:
    """Stacks the outcomes over the height of a bar, each as high as its share, and closes the bar with a pale edge."""
    done = 0
    for outcome in COMPUTED:
        top = bar.top + round(bar.height * done / batch.requests)
        done += getattr(batch, outcome)
        bottom = bar.top + round(bar.height * done / batch.requests)
        canvas.fill(bar._replace(top=top, bottom=bottom), OUTCOMES[outcome])
    canvas.vertical(bar.right - 1, bar.top, bar.bottom, PANEL)


def _draw_count(canvas: Canvas, bar: Box, now: int, count: str) -> None:
    """Writes the count into the longer part of a bar before or after now, where it fits."""
    split = min(max(now, bar.left), bar.right)
    left, right = max((bar.left, split), (split, bar.right), key=lambda part: part[1] - part[0])
    if fits_a_label(bar) and text_width(count, LABEL_SIZE) + COUNT_PADDING <= right - left:
        canvas.text((left + right) // 2, middle(bar), count, LABEL_SIZE, PANEL, "centre")
