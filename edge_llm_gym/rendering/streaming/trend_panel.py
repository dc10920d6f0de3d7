"""The trend panel: requests, mean delay and accuracy of the latest epochs, one bar each."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from edge_llm_gym.rendering.canvas import Box, Canvas
from edge_llm_gym.rendering.palette import BUSY, INK, MUTED, OUTCOMES, STRIP, Colour
from edge_llm_gym.rendering.panels import LABEL_SIZE, heading, round_up
from edge_llm_gym.rendering.streaming.view import TREND_EPOCHS, EpochSummary, StreamTotals, StreamView

LABEL_HEIGHT: Final = 18
PITCH: Final = 5  # pixels of an epoch
GAP: Final = 4
Part = tuple[Callable[[EpochSummary], float], Colour]


@dataclass(frozen=True)
class Measure:
    """What a strip shows: bars stacked from parts, numbers of the last epoch and of the episode, a line at its mean."""

    title: str
    parts: tuple[Part, ...]
    least_top: float
    """The strip's upper edge is at least that high."""
    number: Callable[[EpochSummary | StreamTotals], str]
    mean: Callable[[StreamTotals], float] = lambda totals: 0.0

    def height(self, epoch: EpochSummary) -> float:
        """Of an epoch's whole bar."""
        return sum(part(epoch) for part, _ in self.parts)


MEASURES: Final = (
    Measure(
        "requests",
        (
            (lambda epoch: epoch.served, OUTCOMES["served"]),
            (lambda epoch: epoch.late, OUTCOMES["late"]),
            (lambda epoch: epoch.below_quality, OUTCOMES["below_quality"]),
        ),
        least_top=4.0,
        number=lambda counts: f"{counts.arrived}",
    ),
    Measure(
        "mean delay",
        ((lambda epoch: epoch.mean_delay_s, BUSY),),
        least_top=0.1,
        number=lambda counts: f"{counts.mean_delay_s:.2f} s",
        mean=lambda totals: totals.mean_delay_s,
    ),
    Measure(
        "accuracy",
        ((lambda epoch: epoch.accuracy, BUSY),),
        least_top=1.0,
        number=lambda counts: f"{counts.accuracy:.0%}",
        mean=lambda totals: totals.accuracy,
    ),
)


def draw_trend(canvas: Canvas, box: Box, view: StreamView) -> None:
    """Draws the panel into a box: a strip for each measure, the last epoch at the right."""
    inside = heading(canvas, box, "Trend", note=f"last {TREND_EPOCHS} epochs, by arrival; line: episode")
    pitch = inside.height // len(MEASURES)
    for index, measure in enumerate(MEASURES):
        top = inside.top + index * pitch
        _draw_label(canvas, Box(inside.left, top, inside.right, top + LABEL_HEIGHT), measure, view)
        strip = Box(inside.right - PITCH * TREND_EPOCHS, top + LABEL_HEIGHT, inside.right, top + pitch - GAP)
        _draw_strip(canvas, strip, measure, view)


def _draw_label(canvas: Canvas, line: Box, measure: Measure, view: StreamView) -> None:
    middle = (line.top + line.bottom) // 2
    canvas.text(line.left, middle, measure.title, LABEL_SIZE, INK)
    if view.last is not None:
        numbers = f"last {measure.number(view.last.summary)}, episode {measure.number(view.totals)}"
        canvas.text(line.right, middle, numbers, LABEL_SIZE, MUTED, "right")


def _draw_strip(canvas: Canvas, strip: Box, measure: Measure, view: StreamView) -> None:
    highest = max((measure.height(epoch) for epoch in view.trend), default=0.0)
    top = round_up(max(highest, measure.least_top), (1.0, 2.0, 4.0))
    canvas.fill(strip, STRIP)
    canvas.text(strip.left - 5, strip.top + 5, f"{top:g}", LABEL_SIZE, MUTED, "right")
    left = strip.right - PITCH * len(view.trend)
    for index, epoch in enumerate(view.trend):
        x, done = left + PITCH * index, 0.0
        for part, colour in measure.parts:
            bottom = strip.bottom - round(strip.height * done / top)
            done += part(epoch)
            canvas.fill(Box(x, strip.bottom - round(strip.height * done / top), x + PITCH - 1, bottom), colour)
    level = strip.bottom - round(strip.height * measure.mean(view.totals) / top)
    if level < strip.bottom:
        canvas.fill(Box(left, level, strip.right, level + 1), INK)
