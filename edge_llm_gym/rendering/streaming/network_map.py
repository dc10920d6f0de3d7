"""The map panel of streaming dynamics: the links that the last epoch's requests took, as wide as their share."""

from typing import TYPE_CHECKING, Final

from edge_llm_gym.rendering.canvas import Box, Canvas
from edge_llm_gym.rendering.palette import IDLE, OUTCOMES, RADIO, WIRE
from edge_llm_gym.rendering.panels import Legend, footer, heading
from edge_llm_gym.rendering.site_plan import SitePlan
from edge_llm_gym.rendering.streaming.view import StreamingView

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

LEGEND: Final[Legend] = (("radio", RADIO), ("wire", WIRE), ("idle device", IDLE))


def draw_traffic(canvas: Canvas, box: Box, view: StreamingView) -> None:
    """Draws the panel into a box: nodes with their stages, devices in the colour of their worst outcome."""
    plan = SitePlan(view, footer(canvas, heading(canvas, box, "Network", LEGEND), _note(view)))
    colours = [OUTCOMES.get(device.outcome, IDLE) for device in view.devices]
    plan.draw(canvas, lambda pen: _paint_links(pen, plan, view), colours)
    plan.write_stages(canvas, (node.stage for node in view.nodes))


def _note(view: StreamingView) -> str:
    if view.last is None:
        return "before the first epoch; squares: stage"
    return "last epoch: wider lines for more requests; squares: stage"


def _paint_links(pen: "ImageDraw", plan: SitePlan, view: StreamingView) -> None:
    """Unused wires faint, then the links in use."""
    plan.paint_wires(pen, view.wires)
    for flow in view.flows:
        plan.paint_flow(pen, flow.sender, flow.node, flow.requests / view.routed)
