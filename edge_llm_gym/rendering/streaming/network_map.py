"""The map panel of streaming dynamics: which links the last epoch's requests took, as wide as their share."""

from typing import TYPE_CHECKING, Final

from edge_llm_gym.rendering.canvas import Box, Canvas
from edge_llm_gym.rendering.network_map import footed
from edge_llm_gym.rendering.palette import IDLE, OUTCOMES, RADIO, WIRE
from edge_llm_gym.rendering.panels import heading
from edge_llm_gym.rendering.site_plan import SitePlan
from edge_llm_gym.rendering.streaming.view import StreamView

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

LEGEND: Final = (("radio", RADIO), ("wire", WIRE), ("idle device", IDLE))


def draw_traffic(canvas: Canvas, box: Box, view: StreamView) -> None:
    """Draws the panel into a box: nodes with the number of their stage, devices in the colour of what they got."""
    room = heading(canvas, box, "Network", LEGEND)
    inside = footed(canvas, room, _footer(view))
    plan = SitePlan(view, inside)
    colours = [OUTCOMES.get(device.outcome, IDLE) for device in view.devices]
    plan.draw(canvas, lambda pen: _paint_links(pen, plan, view), colours)
    plan.write_stages(canvas, (node.stage for node in view.nodes))


def _footer(view: StreamView) -> str:
    if view.last is None:
        return "before the first epoch; squares: stage"
    return "last epoch: wider lines for more requests; squares: stage"


def _paint_links(pen: "ImageDraw", plan: SitePlan, view: StreamView) -> None:
    """Unused wires faint, then the radio, then the wires in use."""
    plan.paint_wires(pen, view.wires)
    for flow in view.last.flows if view.last is not None else ():
        plan.paint_flow(pen, flow.sender, flow.node, flow.requests / view.settled)
