"""The panel with a row per node: what the last action asked of it, how busy it was, what it has still to do."""

from collections.abc import Callable
from typing import Final

from edge_llm_gym.rendering.canvas import Box, Canvas, shortened
from edge_llm_gym.rendering.palette import BUSY, GRID, INK, MUTED, OUTCOMES, SLOW, STRIP
from edge_llm_gym.rendering.panels import AXIS_HEIGHT, LABEL_SIZE, Rows, TimeScale, heading, middle, round_up
from edge_llm_gym.rendering.streaming.view import StreamNode, StreamView

MAX_PITCH: Final = 34
NAME_WIDTH: Final = 104
BUSY_BAR: Final = (236, 326)
CLAIMED_BAR: Final = (428, 528)
COLUMNS: Final[tuple[tuple[str, int, Callable[[StreamNode], str]], ...]] = (  # head, right edge, content
    ("stage", 136, lambda node: f"{node.stage}"),
    ("threshold", 196, lambda node: "" if node.threshold is None else f"{node.threshold:.2f}"),
    ("sent", 226, lambda node: f"{node.sent}"),
    ("", 364, lambda node: f"{node.utilisation:.0%}"),
    ("to finish", 414, lambda node: f"{node.open_visits}"),
    ("", 570, lambda node: f"{node.committed_s:.1f} s"),
)


def draw_nodes(canvas: Canvas, box: Box, view: StreamView) -> None:
    """Draws the panel into a box, nodes by their stages."""
    slow = (("slowed down", SLOW),) if any(node.speed < 1.0 for node in view.nodes) else ()
    legend = (*slow, ("busy", BUSY), ("committed", OUTCOMES["pending"]))
    inside = heading(canvas, box, "Nodes", legend, "sent and to finish count requests")
    body = Box(inside.left, inside.top + 36, inside.right, inside.bottom - AXIS_HEIGHT)
    _draw_heads(canvas, inside)
    nodes = sorted(view.nodes, key=lambda node: node.stage)
    longest_s = max(2 * view.epoch_s, *(node.committed_s for node in nodes))
    left, right = (inside.left + x for x in CLAIMED_BAR)
    scale = TimeScale(left, right, 0.0, round_up(longest_s, (1.0, 2.0, 4.0)))
    rows = Rows(body, len(nodes), MAX_PITCH)
    scale.grid(canvas, body.top, rows.bottom(len(nodes)), most=2)
    for index, node in enumerate(nodes):
        _draw_node(canvas, rows, scale, index, node)
        if index > 0 and node.stage > nodes[index - 1].stage:
            canvas.fill(Box(body.left, rows.bottom(index), body.right, rows.bottom(index) + 1), GRID)


def _draw_heads(canvas: Canvas, inside: Box) -> None:
    """What is of the last epoch, and what is so now."""
    for words, left, right in (("last epoch", 146, 364), ("now", 374, 570)):
        canvas.fill(Box(inside.left + left, inside.top + 15, inside.left + right, inside.top + 16), GRID)
        canvas.text(inside.left + (left + right) // 2, inside.top + 7, words, LABEL_SIZE, MUTED, "centre")
    for name, right, _ in COLUMNS:
        canvas.text(inside.left + right, inside.top + 24, name, LABEL_SIZE, MUTED, "right")
    for name, (left, _) in (("busy", BUSY_BAR), ("claimed (s)", CLAIMED_BAR)):
        canvas.text(inside.left + left, inside.top + 24, name, LABEL_SIZE, MUTED)


def _draw_node(canvas: Canvas, rows: Rows, scale: TimeScale, index: int, node: StreamNode) -> None:
    row = rows.row(index)
    left, right = (row.left + x for x in BUSY_BAR)
    canvas.fill(Box(left, row.top, right, row.bottom), STRIP)
    busy = Box(left, row.top, left + round((right - left) * min(node.utilisation, 1.0)), row.bottom)
    canvas.fill(busy, SLOW if node.speed < 1.0 else BUSY)
    canvas.fill(Box(scale.left, row.top, scale.x(node.committed_s), row.bottom), OUTCOMES["pending"])
    if rows.is_labelled(index):
        canvas.text(row.left, middle(row), shortened(_title(node), NAME_WIDTH, LABEL_SIZE), LABEL_SIZE, INK)
        for _, end, content in COLUMNS:
            canvas.text(row.left + end, middle(row), content(node), LABEL_SIZE, INK, "right")


def _title(node: StreamNode) -> str:
    return node.name if node.speed == 1.0 else f"{node.name} at {node.speed:.0%}"
