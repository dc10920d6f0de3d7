"""The map panel of batching dynamics: the links over which the last epoch's requests were computed."""

from typing import TYPE_CHECKING, Final

from edge_llm_gym.rendering.canvas import Box, Canvas, shortened
from edge_llm_gym.rendering.palette import IDLE, MUTED, OUTCOMES, REFUSED, Colour
from edge_llm_gym.rendering.panels import LABEL_SIZE, heading
from edge_llm_gym.rendering.site_plan import SitePlan
from edge_llm_gym.rendering.view import EpochView, LastEpoch

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

LINK_WIDTH: Final = 2
FOOTER_HEIGHT: Final = 18


def draw_map(canvas: Canvas, box: Box, view: EpochView) -> None:
    """Draws the panel into a box."""
    legend = (("pending", OUTCOMES["pending"]), ("refused", REFUSED), ("idle device", IDLE))
    room = heading(canvas, box, "Network", legend)
    inside = footed(canvas, room, footer(view.last))
    plan = SitePlan(view, inside)
    plan.draw(canvas, lambda pen: paint_admitted(pen, plan, view.last), device_colours(view))


def footed(canvas: Canvas, room: Box, line: str) -> Box:
    """Writes a line at the foot of a box; returns what is left above."""
    inside = Box(room.left, room.top, room.right, room.bottom - FOOTER_HEIGHT)
    words = shortened(line, inside.width, LABEL_SIZE)
    canvas.text(inside.left, inside.bottom + FOOTER_HEIGHT // 2 + 2, words, LABEL_SIZE, MUTED)
    return inside


def footer(last: LastEpoch | None) -> str:
    """How many were admitted, and why others were refused."""
    if last is None:
        return "before the first epoch"
    admitted = sum(slot.node is not None for slot in last.slots)
    refused = ", ".join(f"{last.count(f'refused_{why}')} {why}" for why in ("uplink", "downlink", "memory"))
    return f"{admitted} admitted; refused {refused}"


def paint_admitted(pen: "ImageDraw", plan: SitePlan, last: LastEpoch | None) -> None:
    """Links from devices to the nodes that admitted their requests, in the colours of the outcomes."""
    for slot in last.slots if last is not None else ():
        if slot.node is not None:
            ends = plan.devices[slot.device], plan.nodes[slot.node]
            plan.paint_link(pen, *ends, OUTCOMES[slot.outcome], LINK_WIDTH)


def device_colours(view: EpochView) -> list[Colour]:
    """Refused in the last epoch, else pending, else idle."""
    colours = [OUTCOMES["pending"] if device.pending else IDLE for device in view.devices]
    for slot in view.last.slots if view.last is not None else ():
        if slot.outcome.startswith("refused"):
            colours[slot.device] = REFUSED
    return colours
