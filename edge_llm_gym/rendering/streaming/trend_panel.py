"""The trend panel: requests, mean delay and accuracy of the latest epochs, one bar each."""

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

from edge_llm_gym.rendering.canvas import Box, Canvas
from edge_llm_gym.rendering.outcomes import COMPUTED
from edge_llm_gym.rendering.palette import BUSY, INK, MUTED, OUTCOMES, STRIP, Colour
from edge_llm_gym.rendering.panels import LABEL_SIZE, heading, middle
from edge_llm_gym.rendering.scales import round_up
from edge_llm_gym.rendering.streaming.view import TREND_EPOCHS, EpochSummary, StreamingTotals, StreamingView

LABEL_HEIGHT: Final = 18
PITCH: Final = 5  # pixels of an epoch
BAR_GAP: Final = 1
STRIP_GAP: Final = 4
SCALE_GAP: Final = 5  # between a strip and the value of its upper edge
TOP_FACTORS: Final = (1.0, 2.0, 4.0)
Part = tuple[Callable[[EpochSummary], float], Colour]


@dataclass(frozen=True)
class Measure:
    """What a strip shows: bars stacked from parts, figures of the last epoch and of the episode, a line at its mean."""

    title: str
    parts: tuple[Part, ...]
    min_top: float
    """The strip's upper edge is at least that high."""
    number: Callable[[EpochSummary | StreamingTotals], str]
    mean: Callable[[StreamingTotals], float] = lambda totals: 0.0

    def height(self, epoch: EpochSummary) -> float:
        """Of an epoch's whole bar."""
        return sum(part(epoch) for part, _ in self.parts)


MEASURES: Final = (
    Measure(
        "requests",
        tuple((attrgetter(name), OUTCOMES[name]) for name in COMPUTED),
        min_top=4.0,
        number=lambda counts: f"{counts.arrived}",
    ),
    Measure(
        "mean delay",
        ((lambda epoch: epoch.mean_delay_s, BUSY),),
        min_top=0.1,
        number=lambda counts: f"{counts.mean_delay_s:.2f} s",
        mean=lambda totals: totals.mean_delay_s,
    ),
    Measure(
        "accuracy",
        ((lambda epoch: epoch.accuracy, BUSY),),
        min_top=1.0,
        number=lambda counts: f"{counts.accuracy:.0%}",
        mean=lambda totals: totals.accuracy,
    ),
)


def draw_trend(canvas: Canvas, box: Box, view: StreamingView) -> None:
    """Draws the panel into a box: a strip for each measure, the last epoch at the right."""
    inside = heading(canvas, box, "Trend", note=f"last {TREND_EPOCHS} epochs, by arrival; line: episode")
    pitch = inside.height // len(MEASURES)
    for index, measure in enumerate(MEASURES):
        top = inside.top + index * pitch
        _draw_label(canvas, Box(inside.left, top, inside.right, top + LABEL_HEIGHT), measure, view)
        strip = Box(inside.right - PITCH * TREND_EPOCHS, top + LABEL_HEIGHT, inside.right, top + pitch - STRIP_GAP)
        _draw_strip(canvas, strip, measure, view)


def _draw_label(canvas: Canvas, line: Box, measure: Measure, view: StreamingView) -> None:
    canvas.text(line.left, middle(line), measure.title, LABEL_SIZE, INK)
    if view.last is not None:
        numbers = f"last {measure.number(view.last.summary)}, episode {measure.number(view.totals)}"
        canvas.text(line.right, middle(line), numbers, LABEL_SIZE, MUTED, "right")


def _draw_strip(canvas: Canvas, strip: Box, measure: Measure, view: StreamingView) -> None:
    highest = max((measure.height(epoch) for epoch in view.trend), default=0.0)
    top = round_up(max(highest, measure.min_top), TOP_FACTORS)
    canvas.fill(strip, STRIP)
    canvas.text(strip.left - SCALE_GAP, strip.top + SCALE_GAP, f"{top:g}", LABEL_SIZE, MUTED, "right")
    left = strip.right - PITCH * len(view.trend)
    for index, epoch in enumerate(view.trend):
        x = left + PITCH * index
        _draw_bar(canvas, strip._replace(left=x, right=x + PITCH - BAR_GAP), measure, epoch, top)
    level = _level(strip, measure.mean(view.totals), top)
    if level < strip.bottom:
        canvas.fill(Box(left, level, strip.right, level + 1), INK)


def _draw_bar(canvas: Canvas, bar: Box, measure: Measure, epoch: EpochSummary, top: float) -> None:
    """Stacks an epoch's parts from the bottom of a box whose height stands for `top`."""
    done = 0.0
    for part, colour in measure.parts:
        bottom = _level(bar, done, top)
        done += part(epoch)
        canvas.fill(bar._replace(top=_level(bar, done, top), bottom=bottom), colour)


def _level(strip: Box, value: float, top: float) -> int:
    """Pixel of a value in a strip whose height stands for `top`."""
    return strip.bottom - round(strip.height * value / top)
