"""The map of all dynamics: devices, nodes with names and stages, links between them, and a scale bar."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from edge_llm_gym.rendering.canvas import SMOOTHING, Box, Canvas
from edge_llm_gym.rendering.palette import GRID, NODE, PANEL, RADIO, STRIP, WIRE, Colour
from edge_llm_gym.rendering.panels import LABEL_SIZE, middle
from edge_llm_gym.rendering.placement import NODE_HALF, Mapped, Pixel, pixel_positions, pixels_per_m, placed_labels
from edge_llm_gym.rendering.scale_bar import scale_bar

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

FEW_DEVICES: Final = 60
DEVICE_RADIUS: Final = 3.5
SMALL_DEVICE_RADIUS: Final = 2.5  # where there are more devices than FEW_DEVICES
STAGE_SIZE: Final = 11
MIN_WIDTH: Final = 1.0
MAX_EXTRA_WIDTH: Final = 16.0  # added for a link that all requests take


class SitePlan:
    """The nodes and devices of a view, placed in a box; painters work in the coordinates of `Canvas.smooth`."""

    def __init__(self, view: Mapped, inside: Box) -> None:
        self._view, self._inside = view, inside
        self.nodes, self.devices = pixel_positions(view, inside)
        self.bar = scale_bar(pixels_per_m(view, inside), inside, self.nodes, self.devices)

    def draw(self, canvas: Canvas, paint_links: Callable[["ImageDraw"], None], colours: Iterable[Colour]) -> None:
        """Links below, then devices in the given colours, then nodes, the scale bar and the names of the nodes."""

        def paint(pen: "ImageDraw") -> None:
            paint_links(pen)
            self._paint_devices(pen, colours)
            self._paint_nodes(pen)

        canvas.smooth(self._inside, STRIP, paint)
        self.bar.draw(canvas)
        for name, box in placed_labels(self._view, self.nodes, self.devices, self._inside, (self.bar.box,)):
            canvas.outlined_text(box.left, middle(box), name, LABEL_SIZE, STRIP)

    def write_stages(self, canvas: Canvas, stages: Iterable[int]) -> None:
        """Writes into the square of each node the number of its stage."""
        for (x, y), stage in zip(self.nodes, stages, strict=True):
            canvas.text(round(x), round(y), f"{stage}", STAGE_SIZE, PANEL, "centre")

    def paint_wires(self, pen: "ImageDraw", wires: Iterable[tuple[int, int]]) -> None:
        """Links from node to node, faint; links in use are painted over them."""
        for source, target in wires:
            self.paint_link(pen, self.nodes[source], self.nodes[target], GRID, MIN_WIDTH)

    def paint_flow(self, pen: "ImageDraw", sender: int, node: int, share: float) -> None:
        """A link as wide as the share of all requests that took it; senders are devices, then nodes."""
        positions, colour = (*self.devices, *self.nodes), RADIO if sender < len(self.devices) else WIRE
        self.paint_link(pen, positions[sender], self.nodes[node], colour, MIN_WIDTH + MAX_EXTRA_WIDTH * share)

    def paint_link(self, pen: "ImageDraw", begin: Pixel, end: Pixel, colour: Colour, width: float) -> None:
        """A straight line between two positions in the map, `width` pixels wide."""
        pen.line((self._local(begin), self._local(end)), colour, round(width * SMOOTHING))

    def _local(self, pixel: Pixel) -> Pixel:
        return (pixel[0] - self._inside.left) * SMOOTHING, (pixel[1] - self._inside.top) * SMOOTHING

    def _paint_devices(self, pen: "ImageDraw", colours: Iterable[Colour]) -> None:
        radius = (DEVICE_RADIUS if len(self.devices) <= FEW_DEVICES else SMALL_DEVICE_RADIUS) * SMOOTHING
        for pixel, colour in zip(self.devices, colours, strict=True):
            x, y = self._local(pixel)
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), colour, PANEL)

    def _paint_nodes(self, pen: "ImageDraw") -> None:
        half = NODE_HALF * SMOOTHING
        for pixel in self.nodes:
            x, y = self._local(pixel)
            pen.rectangle((x - half, y - half, x + half, y + half), NODE, PANEL, SMOOTHING)
