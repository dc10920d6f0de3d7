"""The node panel: a row per node with its threshold, load and utilisation of the last epoch and its committed time."""

from typing import Final

from edge_llm_gym.rendering.canvas import Box, Canvas, shortened
from edge_llm_gym.rendering.network_text import threshold_text
from edge_llm_gym.rendering.palette import BUSY, GRID, INK, MUTED, OUTCOMES, SLOW, STRIP
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
from edge_llm_gym.rendering.streaming.view import StreamingNode, StreamingView

MAX_PITCH: Final = 34
GROUPS_LEVEL: Final = 7
GROUPS_LINE: Final = 15
HEADS_LEVEL: Final = 24
HEADS_HEIGHT: Final = 36
NAME_WIDTH: Final = 104
BUSY_BAR: Final = (236, 326)  # left and right edges, in pixels from the left of the panel
COMMITTED_BAR: Final = (428, 528)
GROUPS: Final = (("last epoch", 146, 364), ("now", 374, 570))
"""Head of a group of columns, left and right edges."""
COLUMNS: Final[Columns] = (
    Column("stage", 136, lambda node: f"{node.stage}"),
    Column("threshold", 196, lambda node: threshold_text(node.threshold)),
    Column("sent", 226, lambda node: f"{node.sent}"),
    Column("", 364, lambda node: f"{node.utilisation:.0%}"),
    Column("to finish", 414, lambda node: f"{node.open_visits}"),
    Column("", 570, lambda node: f"{node.committed_s:.1f} s"),
)
MIN_SPAN_EPOCHS: Final = 2
SPAN_FACTORS: Final = (1.0, 2.0, 4.0)
MAX_STEPS: Final = 2


def draw_nodes(canvas: Canvas, box: Box, view: StreamingView) -> None:
    """Draws the panel into a box, nodes in the order of their stages."""
    inside = heading(canvas, box, "Nodes", _legend(view), "sent and to finish count requests")
    _draw_heads(canvas, inside)
    body = inside._replace(top=inside.top + HEADS_HEIGHT, bottom=inside.bottom - AXIS_HEIGHT)
    nodes = sorted(view.nodes, key=lambda node: node.stage)
    rows = Rows(body, len(nodes), MAX_PITCH)
    busy, committed = _scales(body.left, nodes, view.epoch_s)
    committed.grid(canvas, body.top, rows.bottom(len(nodes)), MAX_STEPS)
    for index, node in enumerate(nodes):
        _draw_bars(canvas, rows.row(index), busy, committed, node)
        if rows.is_labelled(index):
            _draw_labels(canvas, rows.row(index), node)
        if index > 0 and node.stage > nodes[index - 1].stage:
            canvas.fill(body._replace(top=rows.bottom(index), bottom=rows.bottom(index) + 1), GRID)


def _legend(view: StreamingView) -> Legend:
    slow: Legend = (("slowed down", SLOW),) if any(node.speed < 1.0 for node in view.nodes) else ()
    return (*slow, ("busy", BUSY), ("committed", OUTCOMES["pending"]))


def _scales(left: int, nodes: list[StreamingNode], epoch_s: float) -> tuple[LinearScale, LinearScale]:
    """Of the utilisation, and of the committed time."""
    longest_s = max(MIN_SPAN_EPOCHS * epoch_s, *(node.committed_s for node in nodes))
    (busy_left, busy_right), (committed_left, committed_right) = BUSY_BAR, COMMITTED_BAR
    return (
        LinearScale(left + busy_left, left + busy_right, 0.0, 1.0),
        LinearScale(left + committed_left, left + committed_right, 0.0, round_up(longest_s, SPAN_FACTORS)),
    )


def _draw_heads(canvas: Canvas, inside: Box) -> None:
    """The groups "last epoch" and "now" over the heads of columns and bars."""
    line = inside._replace(top=inside.top + GROUPS_LINE, bottom=inside.top + GROUPS_LINE + 1)
    for words, left, right in GROUPS:
        canvas.fill(line._replace(left=inside.left + left, right=inside.left + right), GRID)
        centre = inside.left + (left + right) // 2
        canvas.text(centre, inside.top + GROUPS_LEVEL, words, LABEL_SIZE, MUTED, "centre")
    draw_column_heads(canvas, inside.left, inside.top + HEADS_LEVEL, COLUMNS)
    for name, (left, _) in (("busy", BUSY_BAR), ("committed (s)", COMMITTED_BAR)):
        canvas.text(inside.left + left, inside.top + HEADS_LEVEL, name, LABEL_SIZE, MUTED)


def _draw_bars(canvas: Canvas, row: Box, busy: LinearScale, committed: LinearScale, node: StreamingNode) -> None:
    canvas.fill(row._replace(left=busy.left, right=busy.right), STRIP)
    canvas.fill(row._replace(left=busy.left, right=busy.x(node.utilisation)), SLOW if node.speed < 1.0 else BUSY)
    canvas.fill(row._replace(left=committed.left, right=committed.x(node.committed_s)), OUTCOMES["pending"])


def _draw_labels(canvas: Canvas, row: Box, node: StreamingNode) -> None:
    canvas.text(row.left, middle(row), shortened(_title(node), NAME_WIDTH, LABEL_SIZE), LABEL_SIZE, INK)
    draw_cells(canvas, row, COLUMNS, node)


def _title(node: StreamingNode) -> str:
    return node.name if node.speed == 1.0 else f"{node.name} at {node.speed:.0%}"
