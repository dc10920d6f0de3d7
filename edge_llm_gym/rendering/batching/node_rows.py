"""Rows of the panels that show the nodes of batching dynamics: name on the left, a bar, a value on the right."""

from typing import Final

from edge_llm_gym.rendering.batching.view import BatchingView, NodeView
from edge_llm_gym.rendering.canvas import Box, Canvas, shortened
from edge_llm_gym.rendering.palette import INK, MUTED
from edge_llm_gym.rendering.panels import AXIS_HEIGHT, LABEL_SIZE, Rows, middle

NAME_WIDTH: Final = 84
NAME_GAP: Final = 8
VALUE_WIDTH: Final = 78
MAX_PITCH: Final = 60
HEADS_LEVEL: Final = 6
HEADS_HEIGHT: Final = 16


def node_rows(canvas: Canvas, inside: Box, view: BatchingView, value_head: str) -> Rows:
    """The rows of all nodes, between the column heads and the axis; writes the head of the values."""
    canvas.text(inside.right, inside.top + HEADS_LEVEL, value_head, LABEL_SIZE, MUTED, "right")
    body = inside._replace(top=inside.top + HEADS_HEIGHT, bottom=inside.bottom - AXIS_HEIGHT)
    return Rows(body, len(view.nodes), MAX_PITCH)


def draw_labels(canvas: Canvas, row: Box, node: NodeView, value: str) -> None:
    """Writes a node's name and value into its row."""
    name = shortened(node.name, NAME_WIDTH - NAME_GAP, LABEL_SIZE)
    canvas.text(row.left, middle(row), name, LABEL_SIZE, INK)
    canvas.text(row.right, middle(row), value, LABEL_SIZE, INK, "right")
