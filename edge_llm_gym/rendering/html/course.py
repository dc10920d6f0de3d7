"""The course of a number over the epochs as a small line, with a cursor that the script of the page moves."""

from collections.abc import Sequence
from typing import Final

from edge_llm_gym.sheets.html import html_text

WIDTH: Final = 300
HEIGHT: Final = 60
MARGIN: Final = 4


def course(title: str, epochs: Sequence[int], values: Sequence[float]) -> str:
    """A figure with the values [n] over the epochs [n], its range in words, and one marker per epoch."""
    low, high = min(*values, 0.0), max(*values, 0.0)
    span = (high - low) or 1.0
    levels = [HEIGHT - MARGIN - (value - low) / span * (HEIGHT - 2 * MARGIN) for value in values]
    places = [MARGIN + index / max(len(values) - 1, 1) * (WIDTH - 2 * MARGIN) for index in range(len(values))]
    points = list(zip(places, levels, strict=True))
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    marks = "".join(_mark(epoch, *point) for epoch, point in zip(epochs, points, strict=True))
    caption = f"{title} per epoch, from {min(values):.3g} to {max(values):.3g}"
    return (
        f'<figure><figcaption>{html_text(caption)}</figcaption><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{html_text(caption)}"><polyline points="{line}"/>{marks}</svg></figure>'
    )


def _mark(epoch: int, x: float, y: float) -> str:
    return f'<circle data-epoch="{epoch}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>'
