"""The map panel of batching-and-routing dynamics: radio links of admitted requests and wires of forwarded ones."""

from typing import TYPE_CHECKING, Final

from edge_llm_gym.rendering.batching.network_map import admission_line, device_colours, paint_admitted
from edge_llm_gym.rendering.batching_routing.view import RoutingView
from edge_llm_gym.rendering.canvas import Box, Canvas
from edge_llm_gym.rendering.palette import IDLE, OUTCOMES, REFUSED, WIRE
from edge_llm_gym.rendering.panels import Legend, footer, heading
from edge_llm_gym.rendering.site_plan import SitePlan

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

LEGEND: Final[Legend] = (("pending", OUTCOMES["pending"]), ("refused", REFUSED), ("idle", IDLE), ("wire", WIRE))


def draw_stages(canvas: Canvas, box: Box, view: RoutingView) -> None:
    """Draws the panel into a box: nodes with the number of their stage, wires as wide as the share that took them."""
    above = footer(canvas, heading(canvas, box, "Network", LEGEND), _forwarded(view))
    plan = SitePlan(view, footer(canvas, above, _admitted(view)))
    plan.draw(canvas, lambda pen: _paint_links(pen, plan, view), device_colours(view))
    plan.write_stages(canvas, (node.stage for node in view.nodes))


def _admitted(view: RoutingView) -> str:
    """Refusals are only known where the last step's result is available."""
    return admission_line(view.last) if view.last is not None or view.epoch == 0 else f"{view.routed} admitted"


def _forwarded(view: RoutingView) -> str:
    return f"{view.forwarded} forwarded: wider wires for more; squares: stage"


def _paint_links(pen: "ImageDraw", plan: SitePlan, view: RoutingView) -> None:
    """Unused wires faint, then those in use, then the radio."""
    plan.paint_wires(pen, view.wires)
    for flow in view.flows:
        if flow.sender >= len(plan.devices):
            plan.paint_flow(pen, flow.sender, flow.node, flow.requests / view.routed)
    paint_admitted(pen, plan, view.last)
