"""Positions of nodes, devices and the names of nodes in a map."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Final, Protocol

import numpy as np

from edge_llm_gym.rendering.canvas import Box, line_height, shortened, text_width
from edge_llm_gym.rendering.moment import Point
from edge_llm_gym.rendering.panels import LABEL_SIZE

NODE_HALF: Final = 6
DOT_HALF: Final = 4
CLEARANCE: Final = 4  # pixels between a name and the square of another node
MARGIN: Final = 14
NAME_WIDTH: Final = 96
Pixel = tuple[float, float]


class Device(Protocol):
    """Has a position."""

    @property
    def position_m(self) -> Point:
        """x and y in m."""
        ...


class Node(Device, Protocol):
    """Has a name and a position."""

    @property
    def name(self) -> str:
        """As in the scenario."""
        ...


class Mapped(Protocol):
    """A view of any dynamics, as far as a map shows it."""

    @property
    def area_m(self) -> Point:
        """Extent of the area that holds the devices."""
        ...

    @property
    def nodes(self) -> Sequence[Node]:
        """All of them."""
        ...

    @property
    def devices(self) -> Sequence[Device]:
        """All of them."""
        ...


def pixels_per_m(view: Mapped, inside: Box) -> float:
    """The scale of the map in a box, on both axes: the area of the devices and all nodes fit."""
    _, (span_x, span_y) = _extent(view)
    return min((inside.width - 2 * MARGIN) / span_x, (inside.height - 2 * MARGIN) / span_y)


def _extent(view: Mapped) -> tuple[Point, Point]:
    """The least x and y in m of what the map shows, and its spans in m."""
    xs, ys = zip((0.0, 0.0), view.area_m, *(node.position_m for node in view.nodes), strict=True)
    return (min(xs), min(ys)), (max(xs) - min(xs), max(ys) - min(ys))


def pixel_positions(view: Mapped, inside: Box) -> tuple[list[Pixel], list[Pixel]]:
    """Pixels of nodes and devices: equal scales on both axes, y upwards."""
    (least_x, least_y), (span_x, span_y) = _extent(view)
    scale = pixels_per_m(view, inside)
    left = inside.left + (inside.width - scale * span_x) / 2
    bottom = inside.bottom - (inside.height - scale * span_y) / 2

    def pixel(point: Point) -> Pixel:
        return left + scale * (point[0] - least_x), bottom - scale * (point[1] - least_y)

    sites = [pixel(node.position_m) for node in view.nodes]
    return _apart(sites, (inside.left + inside.right) / 2), [pixel(device.position_m) for device in view.devices]


def _apart(pixels: list[Pixel], centre_x: float) -> list[Pixel]:
    """Places nodes that share a site side by side, from the site inwards."""
    pitch = 2 * NODE_HALF + 2
    placed: list[Pixel] = []
    for x, y in pixels:
        step = pitch if x < centre_x else -pitch
        while any(abs(x - taken_x) < pitch and abs(y - taken_y) < pitch for taken_x, taken_y in placed):
            x += step
        placed.append((x, y))
    return placed


def placed_labels(
    view: Mapped, nodes: list[Pixel], devices: list[Pixel], inside: Box, reserved: tuple[Box, ...] = ()
) -> Iterator[tuple[str, Box]]:
    """Names of the nodes with their boxes: these overlap no other node, name or reserved box, and cover few devices.

    Boxes below, above and beside a node are tried before diagonal ones, which are easily taken for the name of a
    neighbouring node. A name without a free box is left out.
    """
    names: list[Box] = []
    dots = np.array(devices)
    for node, pixel in zip(view.nodes, nodes, strict=True):
        name = shortened(node.name, NAME_WIDTH, LABEL_SIZE)
        others = [other for other in nodes if other is not pixel]
        for clearance, boxes in product((CLEARANCE, 0), _label_boxes(name, pixel)):
            taken = [*(around(other, NODE_HALF + clearance) for other in others), *names, *reserved]
            free = [box for box in boxes if box.within(inside) and not any(box.overlaps(other) for other in taken)]
            if free:
                names.append(min(free, key=lambda box: _dots_covered(box, dots)))
                yield name, names[-1]
                break


def _dots_covered(box: Box, dots: np.ndarray) -> int:
    covered = (dots > (box.left - DOT_HALF, box.top - DOT_HALF)) & (
        dots < (box.right + DOT_HALF, box.bottom + DOT_HALF)
    )
    return int(covered.all(axis=1).sum())


def _label_boxes(name: str, pixel: Pixel) -> tuple[list[Box], list[Box]]:
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
