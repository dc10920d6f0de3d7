"""The sequence panel: a lane for every sequence of the last epochs, in a strip for each node."""

from typing import Final

from edge_llm_gym.rendering.batching.node_rows import (
    NAME_WIDTH,
    VALUE_WIDTH,
    draw_labels,
    node_rows,
)
from edge_llm_gym.rendering.canvas import Box, Canvas
from edge_llm_gym.rendering.continuous_batching.view import ContinuousNodeView, ContinuousView
from edge_llm_gym.rendering.continuous_batching.view_builder import WINDOW_EPOCHS
from edge_llm_gym.rendering.outcomes import COLOURS
from edge_llm_gym.rendering.palette import RUNNING, STRIP
from edge_llm_gym.rendering.panels import Legend, heading
from edge_llm_gym.rendering.scales import LinearScale

LEGEND: Final[Legend] = (("running", RUNNING),)
NOTE: Final = "seconds from now, a lane for each"
MIN_LANES: Final = 8


def draw_sequences(canvas: Canvas, box: Box, view: ContinuousView) -> None:
    """Draws the panel into a box."""
    inside = heading(canvas, box, "Sequences", LEGEND, NOTE)
    rows = node_rows(canvas, inside, view, "now")
    begin_s = -WINDOW_EPOCHS * view.epoch_s
    scale = LinearScale(inside.left + NAME_WIDTH, inside.right - VALUE_WIDTH, begin_s, 0.0)
    lanes = max([MIN_LANES, *(len(node.sequences) for node in view.nodes)])
    for index, node in enumerate(view.nodes):
        strip = rows.part(index, scale.left, scale.right)
        canvas.fill(strip, STRIP)
        _draw_lanes(canvas, strip, scale, node, view.time_s, lanes)
        if rows.is_labelled(index):
            draw_labels(canvas, rows.row(index), node, node.load(view.time_s))
    scale.grid(canvas, rows.box.top, rows.bottom(len(view.nodes)))


def _draw_lanes(
    canvas: Canvas, strip: Box, scale: LinearScale, node: ContinuousNodeView, now_s: float, lanes: int
) -> None:
    for lane, sequence in enumerate(node.sequences):
        top = strip.top + strip.height * lane // lanes
        bottom = max(strip.top + strip.height * (lane + 1) // lanes, top + 1)
        left = max(scale.x(sequence.begin_s - now_s), scale.left)
        bar = Box(left, top, max(scale.x(sequence.end_s - now_s), left + 1), bottom)
        canvas.fill(bar, COLOURS[sequence.outcome])
