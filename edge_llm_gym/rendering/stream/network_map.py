"""The map panel of stream admission: which links the last epoch's requests took, as wide as their share."""

from typing import TYPE_CHECKING, Final

from edge_llm_gym.rendering.canvas import Box, Canvas
from edge_llm_gym.rendering.network_map import footed
from edge_llm_gym.rendering.palette import GRID, IDLE, OUTCOMES, PANEL, RADIO, WIRE
from edge_llm_gym.rendering.panels import heading
from edge_llm_gym.rendering.site_plan import SitePlan
from edge_llm_gym.rendering.stream.view import StreamView

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

LEGEND: Final = (("radio", RADIO), ("wire", WIRE), ("idle device", IDLE))
STAGE_SIZE: Final = 11
LEAST_WIDTH: Final = 1.0
WIDTH_OF_ALL: Final = 16.0  # pixels of a link that all requests take


def draw_traffic(canvas: Canvas, box: Box, view: StreamView) -> None:
    """Draws the panel into a box: nodes with the number of their stage, devices in the colour of what they got."""
    room = heading(canvas, box, "Network", LEGEND)
    inside = footed(canvas, room, _footer(view))
    plan = SitePlan(view, inside)
    colours = [OUTCOMES.get(device.outcome, IDLE) for device in view.devices]
    plan.draw(canvas, lambda pen: _paint_links(pen, plan, view), colours)
    for (x, y), node in zip(plan.nodes, view.nodes, strict=True):
        canvas.text(round(x), round(y), f"{node.stage}", STAGE_SIZE, PANEL, "centre")


def _footer(view: StreamView) -> str:
    if view.last is None:
        return "before the first epoch; squares: stage"
    return "last epoch: wider lines for more requests; squares: stage"


def _paint_links(pen: "ImageDraw", plan: SitePlan, view: StreamView) -> None:
    """Unused wires faint, then the radio, then the wires in use."""
    for here, there in view.wires:
        plan.paint_link(pen, plan.nodes[here], plan.nodes[there], GRID, LEAST_WIDTH)
    if view.last is None:
        return
    places = (*plan.devices, *plan.nodes)
    for flow in view.last.flows:
        colour = RADIO if flow.sender < len(plan.devices) else WIRE
        width = LEAST_WIDTH + WIDTH_OF_ALL * flow.requests / view.last.summary.arrived
        plan.paint_link(pen, places[flow.sender], plan.nodes[flow.node], colour, width)
