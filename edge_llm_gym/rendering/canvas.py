"""A drawing surface of fixed size on Pillow: boxes, text that fits, smooth shapes. Needs the extra `plots`."""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from edge_llm_gym.rendering.palette import BACKGROUND, INK, Colour

try:
    from PIL import Image, ImageDraw, ImageFont
except ImportError as error:
    raise ImportError("drawing frames needs Pillow; install it with: pip install 'edge-llm-gym[plots]'") from error

SMOOTHING = 2  # smooth shapes are drawn this many times larger, then averaged down
OUTLINE = 2


class Box(NamedTuple):
    """A rectangle in pixels; right and bottom lie outside it."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Pixels across."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Pixels down."""
        return self.bottom - self.top

    def overlaps(self, other: "Box") -> bool:
        """Whether any pixel lies in both."""
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )

    def within(self, other: "Box") -> bool:
        """Whether all of it lies in the other."""
        return (
            self.left >= other.left
            and self.top >= other.top
            and self.right <= other.right
            and self.bottom <= other.bottom
        )


@lru_cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


@lru_cache(maxsize=4096)
def _glyphs(text: str, size: int, stroke: int = 0) -> Image.Image:
    """The text as a mask, as high as the font's line: cached, since most words recur in every frame."""
    font = _font(size)
    width, height = max(int(np.ceil(font.getlength(text))), 1), line_height(size)
    mask = Image.new("L", (width + 2 * stroke, height + 2 * stroke))
    ImageDraw.Draw(mask).text((stroke, stroke), text, fill=255, font=font, stroke_width=stroke)
    return mask


@lru_cache
def line_height(size: int) -> int:
    """Pixels from the top of the highest to the bottom of the lowest letter."""
    return int(np.ceil(_font(size).getbbox("Ågjy|")[3])) + 1


def text_width(text: str, size: int) -> int:
    """Pixels across."""
    return _glyphs(text, size).width


@lru_cache(maxsize=1024)
def shortened(text: str, width: int, size: int) -> str:
    """The text, with dots for its middle where it is wider than `width` pixels: names often differ at their ends."""
    if text_width(text, size) <= width:
        return text
    candidates = (text[: (kept + 1) // 2] + "…" + text[len(text) - kept // 2 :] for kept in range(len(text) - 1, 1, -1))
    return next((candidate for candidate in candidates if text_width(candidate, size) <= width), "")


class Canvas:
    """An image under construction."""

    def __init__(self, width: int, height: int) -> None:
        self.image = Image.new("RGB", (width, height), BACKGROUND)
        self.draw = ImageDraw.Draw(self.image)

    def fill(self, box: Box, colour: Colour, outline: Colour | None = None) -> None:
        """Paints a rectangle; an empty one is ignored."""
        if box.width > 0 and box.height > 0:
            self.draw.rectangle((box.left, box.top, box.right - 1, box.bottom - 1), colour, outline)

    def text(self, x: int, middle: int, text: str, size: int, colour: Colour = INK, align: str = "left") -> int:
        """Writes a line whose middle is at `middle`, from, up to or around x; returns the x where it ends."""
        mask = _glyphs(text, size)
        left = x - {"left": 0, "right": mask.width, "centre": mask.width // 2}[align]
        self.draw.bitmap((left, middle - mask.height // 2), mask, colour)
        return left + mask.width

    def outlined_text(self, x: int, middle: int, text: str, size: int, outline: Colour) -> None:
        """Writes a line from x with an outline that keeps it legible on top of shapes."""
        halo = _glyphs(text, size, OUTLINE)
        self.draw.bitmap((x - OUTLINE, middle - halo.height // 2), halo, outline)
        self.text(x, middle, text, size)

    def vertical(self, x: int, top: int, bottom: int, colour: Colour) -> None:
        """A line of one pixel."""
        self.draw.line((x, top, x, bottom - 1), colour)

    def smooth(self, box: Box, background: Colour, paint: Callable[[ImageDraw.ImageDraw], None]) -> None:
        """Fills a box with shapes without jagged edges; `paint` draws in coordinates SMOOTHING times larger."""
        large = Image.new("RGB", (box.width * SMOOTHING, box.height * SMOOTHING), background)
        paint(ImageDraw.Draw(large))
        self.image.paste(large.reduce(SMOOTHING), (box.left, box.top))

    def array(self) -> np.ndarray:
        """The image as [height, width, 3] uint8, a copy."""
        return np.array(self.image)
