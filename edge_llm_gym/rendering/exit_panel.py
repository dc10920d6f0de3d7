"""The exit panel: share of the requests that leave at each exit, and the observed confidences beside the thresholds."""

from typing import Final

from edge_llm_gym.rendering.canvas import Box, Canvas
from edge_llm_gym.rendering.exits import ExitsView, ExitView, share_left, share_left_total
from edge_llm_gym.rendering.palette import EXIT, INK, MUTED, QUARTILES, SPREAD, STRIP, THRESHOLD
from edge_llm_gym.rendering.panels import AXIS_HEIGHT, LABEL_SIZE, Legend, Rows, heading, middle
from edge_llm_gym.rendering.scales import LinearScale
from edge_llm_gym.sim.exit_observation import SEEN_EPOCHS

LEGEND: Final[Legend] = (("10-90 %", SPREAD), ("25-75 %", QUARTILES), ("median", INK), ("threshold", THRESHOLD))
MAX_PITCH: Final = 42
HEADS_LEVEL: Final = 7
HEADS_HEIGHT: Final = 18
SHARE_BAR: Final = (44, 158)  # left and right edges, in pixels from the left of the panel
LAST_SHARE_RIGHT: Final = 196
EPISODE_SHARE_RIGHT: Final = 246
CONFIDENCE_BAR: Final = (270, 562)


def draw_exits(canvas: Canvas, box: Box, view: ExitsView) -> None:
    """Draws the panel into a box."""
    inside = heading(canvas, box, "Exits", LEGEND, "bar: last epoch, line: episode")
    _draw_heads(canvas, inside)
    rows = Rows(
        inside._replace(top=inside.top + HEADS_HEIGHT, bottom=inside.bottom - AXIS_HEIGHT), len(view.exits), MAX_PITCH
    )
    shares, confidences = (
        LinearScale(inside.left + left, inside.left + right, 0.0, 1.0) for left, right in (SHARE_BAR, CONFIDENCE_BAR)
    )
    for index in range(len(view.exits)):
        for scale in (shares, confidences):
            canvas.fill(rows.part(index, scale.left, scale.right), STRIP)
    confidences.grid(canvas, rows.box.top, rows.bottom(len(view.exits)))
    for index, one in enumerate(view.exits):
        last, episode = share_left(view, one), share_left_total(view, one)
        _draw_share(canvas, rows.row(index), shares, last, episode)
        _draw_confidence(canvas, rows.row(index), confidences, one)
        if rows.is_labelled(index):
            _draw_labels(canvas, rows.row(index), one.exit, last, episode)


def _draw_heads(canvas: Canvas, inside: Box) -> None:
    level = inside.top + HEADS_LEVEL
    observed = f"confidence observed in {SEEN_EPOCHS} epochs"
    for name, left in (("leave there", SHARE_BAR[0]), (observed, CONFIDENCE_BAR[0])):
        canvas.text(inside.left + left, level, name, LABEL_SIZE, MUTED)
    for name, right in (("last", LAST_SHARE_RIGHT), ("episode", EPISODE_SHARE_RIGHT)):
        canvas.text(inside.left + right, level, name, LABEL_SIZE, MUTED, "right")


def _draw_share(canvas: Canvas, row: Box, scale: LinearScale, last: float, episode: float) -> None:
    canvas.fill(row._replace(left=scale.left, right=scale.x(last)), EXIT)
    canvas.vertical(scale.x(episode), row.top - 1, row.bottom + 1, INK)


def _draw_labels(canvas: Canvas, row: Box, exit_number: int, last: float, episode: float) -> None:
    canvas.text(row.left, middle(row), f"exit {exit_number}", LABEL_SIZE, INK)
    canvas.text(row.left + LAST_SHARE_RIGHT, middle(row), f"{last:.0%}", LABEL_SIZE, INK, "right")
    canvas.text(row.left + EPISODE_SHARE_RIGHT, middle(row), f"{episode:.0%}", LABEL_SIZE, MUTED, "right")


def _draw_confidence(canvas: Canvas, row: Box, scale: LinearScale, one: ExitView) -> None:
    """From the outermost quantiles inwards, then the thresholds on top."""
    inset = row.height // 4
    inner = row._replace(top=row.top + inset, bottom=row.bottom - inset)
    if one.quantiles:
        lowest, low, median, high, highest = (scale.x(quantile) for quantile in one.quantiles)
        canvas.fill(inner._replace(left=lowest, right=highest), SPREAD)
        canvas.fill(inner._replace(left=low, right=high), QUARTILES)
        canvas.fill(inner._replace(left=median - 1, right=median + 1), INK)
    for threshold in one.thresholds:
        x = scale.x(threshold)
        canvas.fill(row._replace(left=x - 1, right=x + 1), THRESHOLD)
