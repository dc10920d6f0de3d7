"""The map panel: nodes, devices, and the links over which the last epoch's requests were computed."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_llm_gym.rendering.canvas import SMOOTHING, Box, Canvas, line_height, shortened, text_width
from edge_llm_gym.rendering.palette import IDLE, MUTED, NODE, OUTCOMES, PANEL, REFUSED, STRIP, Colour
from edge_llm_gym.rendering.panels import LABEL_SIZE, heading
from edge_llm_gym.rendering.view import EpochView, LastEpoch, Point

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

NODE_HALF: Final = 6
DOT_HALF: Final = 4
LINK_WIDTH: Final = 2
MARGIN: Final = 14
FOOTER_HEIGHT: Final = 18
NAME_WIDTH: Final = 96
Pixel = tuple[float, float]


def draw_map(canvas: Canvas, box: Box, view: EpochView) -> None:
    """Draws the panel into a box."""
    legend = (("pending", OUTCOMES["pending"]), ("refused", REFUSED), ("idle device", IDLE))
    room = heading(canvas, box, "Network", legend)
    inside = Box(room.left, room.top, room.right, room.bottom - FOOTER_HEIGHT)
    footer = shortened(_footer(view.last), inside.width, LABEL_SIZE)
    canvas.text(inside.left, inside.bottom + FOOTER_HEIGHT // 2 + 2, footer, LABEL_SIZE, MUTED)
    nodes, devices = pixel_positions(view, inside)
    canvas.smooth(inside, STRIP, lambda pen: _paint(pen, inside, nodes, devices, view))
    for label, at in placed_labels(view, nodes, devices, inside):
        canvas.outlined_text(at.left, (at.top + at.bottom) // 2, label, LABEL_SIZE, STRIP)


def _footer(last: LastEpoch | None) -> str:
    if last is None:
        return "before the first epoch"
    admitted = sum(slot.node is not None for slot in last.slots)
    refused = ", ".join(f"{last.count(f'refused_{why}')} {why}" for why in ("uplink", "downlink", "memory"))
    return f"{admitted} admitted; refused {refused}"


def pixel_positions(view: EpochView, inside: Box) -> tuple[list[Pixel], list[Pixel]]:
    """Where nodes and devices stand in the picture: equal scales on both axes, y upwards."""
    nodes = [node.position_m for node in view.nodes]
    xs, ys = zip((0.0, 0.0), view.area_m, *nodes, strict=True)
    span_x, span_y = max(xs) - min(xs), max(ys) - min(ys)
    scale = min((inside.width - 2 * MARGIN) / span_x, (inside.height - 2 * MARGIN) / span_y)
    left = inside.left + (inside.width - scale * span_x) / 2
    bottom = inside.bottom - (inside.height - scale * span_y) / 2

    def pixel(point: Point) -> Pixel:
        return left + scale * (point[0] - min(xs)), bottom - scale * (point[1] - min(ys))

    sites = [pixel(point) for point in nodes]
    return _apart(sites, (inside.left + inside.right) / 2), [pixel(device.position_m) for device in view.devices]


def _apart(pixels: list[Pixel], centre_x: float) -> list[Pixel]:
    """Nodes that share a site stand side by side, from the site inwards."""
    pitch = 2 * NODE_HALF + 2
    placed: list[Pixel] = []
    for x, y in pixels:
        step = pitch if x < centre_x else -pitch
        while any(abs(x - taken_x) < pitch and abs(y - taken_y) < pitch for taken_x, taken_y in placed):
            x += step
        placed.append((x, y))
    return placed


def _paint(pen: "ImageDraw", inside: Box, nodes: list[Pixel], devices: list[Pixel], view: EpochView) -> None:
    """Links below, then devices, then nodes."""

    def local(pixel: Pixel) -> Pixel:
        return (pixel[0] - inside.left) * SMOOTHING, (pixel[1] - inside.top) * SMOOTHING

    for slot in view.last.slots if view.last is not None else ():
        if slot.node is not None:
            pen.line(
                (local(devices[slot.device]), local(nodes[slot.node])), OUTCOMES[slot.outcome], LINK_WIDTH * SMOOTHING
            )
    radius = 3.5 if len(devices) <= 60 else 2.5
    for pixel, colour in zip(devices, _device_colours(view), strict=True):
        _disc(pen, local(pixel), radius * SMOOTHING, colour)
    for pixel in nodes:
        x, y = local(pixel)
        half = NODE_HALF * SMOOTHING
        pen.rectangle((x - half, y - half, x + half, y + half), NODE, PANEL, SMOOTHING)


def _disc(pen: "ImageDraw", centre: Pixel, radius: float, colour: Colour) -> None:
    x, y = centre
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), colour, PANEL)


def _device_colours(view: EpochView) -> list[Colour]:
    """Refused in the last epoch, else pending, else idle."""
    colours = [OUTCOMES["pending"] if device.pending else IDLE for device in view.devices]
    for slot in view.last.slots if view.last is not None else ():
        if slot.outcome.startswith("refused"):
            colours[slot.device] = REFUSED
    return colours


def placed_labels(view: EpochView, nodes: list[Pixel], devices: list[Pixel], inside: Box) -> Iterator[tuple[str, Box]]:
    """Names of the nodes where they cover no node, no other name and as few devices as can be; else left out.

    Straight places come before diagonal ones, which are easily read as a neighbour's.
    """
    taken = [around(pixel, NODE_HALF) for pixel in nodes]
    dots = np.array(devices)
    for node, pixel in zip(view.nodes, nodes, strict=True):
        name = shortened(node.name, NAME_WIDTH, LABEL_SIZE)
        for places in _label_places(name, pixel):
            free = [at for at in places if at.within(inside) and not any(at.overlaps(other) for other in taken)]
            if free:
                taken.append(min(free, key=lambda at: _dots_covered(at, dots)))
                yield name, taken[-1]
                break


def _dots_covered(at: Box, dots: np.ndarray) -> int:
    covered = (dots > (at.left - DOT_HALF, at.top - DOT_HALF)) & (dots < (at.right + DOT_HALF, at.bottom + DOT_HALF))
    return int(covered.all(axis=1).sum())


def _label_places(name: str, pixel: Pixel) -> tuple[list[Box], list[Box]]:
    """Below, above and beside a node; then, diagonally from it."""
    width, height, gap = text_width(name, LABEL_SIZE), line_height(LABEL_SIZE), NODE_HALF + 2
    x, y = round(pixel[0]), round(pixel[1])
    below, above, level = y + gap, y - gap - height, y - height // 2
    centred, right, left = x - width // 2, x + gap, x - gap - width
    straight = ((centred, below), (centred, above), (right, level), (left, level))
    diagonal = ((right, below), (left, below), (right, above), (left, above))
    boxes = [Box(start, top, start + width, top + height) for start, top in straight + diagonal]
    return boxes[:4], boxes[4:]


def around(pixel: Pixel, half: int) -> Box:
    """The square around a pixel."""
    x, y = round(pixel[0]), round(pixel[1])
    return Box(x - half, y - half, x + half + 1, y + half + 1)
