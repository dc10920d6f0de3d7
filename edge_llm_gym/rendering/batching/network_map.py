"""The map panel of batching dynamics: the radio links over which the last epoch admitted requests."""

from typing import TYPE_CHECKING, Final

from edge_llm_gym.rendering.batching.view import BatchingView, LastEpoch
from edge_llm_gym.rendering.canvas import Box, Canvas
from edge_llm_gym.rendering.outcomes import COLOURS
from edge_llm_gym.rendering.palette import IDLE, OUTCOMES, REFUSED, Colour
from edge_llm_gym.rendering.panels import Legend, footer, heading
from edge_llm_gym.rendering.site_plan import SitePlan

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

LINK_WIDTH: Final = 2
LEGEND: Final[Legend] = (("pending", OUTCOMES["pending"]), ("refused", REFUSED), ("idle device", IDLE))


def draw_map(canvas: Canvas, box: Box, view: BatchingView) -> None:
    """Draws the panel into a box."""
    inside = footer(canvas, heading(canvas, box, "Network", LEGEND), admission_line(view.last))
    plan = SitePlan(view, inside)
    plan.draw(canvas, lambda pen: paint_admitted(pen, plan, view.last), device_colours(view))


def admission_line(last: LastEpoch | None) -> str:
    """How many requests the last epoch admitted, and how many it refused for which reason."""
    if last is None:
        return "before the first epoch"
    admitted = sum(slot.node is not None for slot in last.slots)
    return f"{admitted} admitted; refused {last.refusals()}"


def paint_admitted(pen: "ImageDraw", plan: SitePlan, last: LastEpoch | None) -> None:
    """Links from devices to the nodes that admitted their requests, in the colours of the outcomes."""
    for slot in last.slots if last is not None else ():
        if slot.node is not None:
            ends = plan.devices[slot.device], plan.nodes[slot.node]
            plan.paint_link(pen, *ends, COLOURS[slot.outcome], LINK_WIDTH)


def device_colours(view: BatchingView) -> list[Colour]:
    """Refused in the last epoch, else pending, else idle."""
    colours = [OUTCOMES["pending"] if device.pending else IDLE for device in view.devices]
    for slot in view.last.slots if view.last is not None else ():
        if slot.outcome.startswith("refused"):
            colours[slot.device] = REFUSED
    return colours
