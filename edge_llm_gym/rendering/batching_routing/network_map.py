"""The map panel of batching-and-routing dynamics: who was admitted over the radio, and how many went on over which wire."""

from typing import TYPE_CHECKING, Final

from edge_llm_gym.rendering.batching_routing.view import StagedView
from edge_llm_gym.rendering.canvas import Box, Canvas
from edge_llm_gym.rendering.network_map import device_colours, footed, footer, paint_admitted
from edge_llm_gym.rendering.palette import IDLE, OUTCOMES, REFUSED, WIRE
from edge_llm_gym.rendering.panels import heading
from edge_llm_gym.rendering.site_plan import SitePlan

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

LEGEND: Final = (("pending", OUTCOMES["pending"]), ("refused", REFUSED), ("idle", IDLE), ("wire", WIRE))


def draw_stages(canvas: Canvas, box: Box, view: StagedView) -> None:
    """Draws the panel into a box: nodes with the number of their stage, wires as wide as the share that took them."""
    room = heading(canvas, box, "Network", LEGEND)
    inside = footed(canvas, footed(canvas, room, _wires(view)), _admitted(view))
    plan = SitePlan(view, inside)
    plan.draw(canvas, lambda pen: _paint_links(pen, plan, view), device_colours(view))
    plan.write_stages(canvas, (node.stage for node in view.nodes))


def _admitted(view: StagedView) -> str:
    """Refusals are only known where the last step's result is at hand."""
    return footer(view.last) if view.last is not None or view.epoch == 0 else f"{view.settled} admitted"


def _wires(view: StagedView) -> str:
    return f"{view.forwarded} forwarded: wider wires for more; squares: stage"


def _paint_links(pen: "ImageDraw", plan: SitePlan, view: StagedView) -> None:
    """Unused wires faint, then those in use, then the radio."""
    plan.paint_wires(pen, view.wires)
    for flow in view.flows:
        if flow.sender >= len(plan.devices):
            plan.paint_flow(pen, flow.sender, flow.node, flow.requests / view.settled)
    paint_admitted(pen, plan, view.last)
