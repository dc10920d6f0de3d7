"""The memory panel: a bar per node that splits its usable memory into weights, KV caches, freed and free bytes."""

from typing import Final

from edge_llm_gym.rendering.batching.node_rows import NAME_WIDTH, draw_labels, node_rows
from edge_llm_gym.rendering.batching.view import BatchingView, NodeView
from edge_llm_gym.rendering.canvas import Box, Canvas
from edge_llm_gym.rendering.palette import FREE, FREED, KV_CACHE, WEIGHTS, Colour
from edge_llm_gym.rendering.panels import Legend, heading
from edge_llm_gym.rendering.terminal import gigabytes

LEGEND: Final[Legend] = (("weights", WEIGHTS), ("KV caches", KV_CACHE), ("freed", FREED), ("free", FREE))
VALUE_WIDTH: Final = 94
Parts = tuple[tuple[float, Colour], ...]


def draw_memory(canvas: Canvas, box: Box, view: BatchingView) -> None:
    """Draws the panel into a box. Freed bytes are free now and held KV caches in the last epoch."""
    inside = heading(canvas, box, "Memory", LEGEND)
    rows = node_rows(canvas, inside, view, "free / usable GB")
    for index, node in enumerate(view.nodes):
        bar = rows.part(index, inside.left + NAME_WIDTH, inside.right - VALUE_WIDTH)
        _draw_parts(canvas, bar, _memory_parts(node))
        if rows.is_labelled(index):
            value = f"{gigabytes(node.free_bytes)} / {gigabytes(node.usable_bytes)}"
            draw_labels(canvas, rows.row(index), node, value)


def _memory_parts(node: NodeView) -> Parts:
    return (
        (node.weight_bytes, WEIGHTS),
        (node.kv_bytes, KV_CACHE),
        (node.freed_bytes, FREED),
        (node.free_bytes - node.freed_bytes, FREE),
    )


def _draw_parts(canvas: Canvas, bar: Box, parts: Parts) -> None:
    """Fills a bar from the left with parts in proportion."""
    total, done = sum(amount for amount, _ in parts), 0.0
    for amount, colour in parts:
        left = bar.left + round(bar.width * done / total)
        done += amount
        canvas.fill(bar._replace(left=left, right=bar.left + round(bar.width * done / total)), colour)
