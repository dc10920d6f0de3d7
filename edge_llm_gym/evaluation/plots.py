"""Figures of comparisons. Matplotlib is imported on first use."""

from itertools import pairwise
from typing import Any

import numpy as np

from edge_llm_gym.evaluation.comparison import Comparison

NO_FIGURES = "figures need matplotlib: pip install 'edge-llm-gym[plots]'"
COLOUR, BEST_COLOUR = "#5b8db8", "#d1802b"
TITLE_SIZE, NUMBER_SIZE = 10, 8
BREAK_FACTOR = 2.5
"""Differences that are larger than the next smaller one by this factor stand behind a break of the axis."""
FAR_WIDTH = 0.35
"""Width of the part behind the break, as a share of the panel."""


def has_matplotlib() -> bool:
    """Whether figures can be drawn."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        return False
    return True


def new_figure(width: float, height: float) -> Any:
    """An empty figure with a canvas of its own, sizes in inches. Raises ImportError if matplotlib is not installed."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(NO_FIGURES) from error
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def comparison_figure(comparison: Comparison) -> Any:
    """Mean and 95 % interval of the main metrics of every policy, and paired differences to the best policy.

    Differences that are much larger than those of most policies stand behind a break of their axis.
    """
    figure = new_figure(15.0, 1.6 + 0.42 * len(comparison.policies))
    panels = comparison.layout.panels
    far = far_policies(comparison)
    widths = [1.0] * len(panels) + ([FAR_WIDTH, 1.0 - FAR_WIDTH] if far else [1.0])
    axes = figure.subplots(1, len(widths), sharey=True, width_ratios=widths)
    for axis, (metric, title) in zip(axes, panels, strict=False):
        _draw_means(axis, comparison, metric)
        axis.set_title(title, fontsize=TITLE_SIZE)
    draw_differences(comparison, far, axes[len(panels) :])
    axes[0].set_yticks(range(len(comparison.policies)), comparison.policies)
    axes[0].invert_yaxis()
    title = f"{comparison.environment}, {len(comparison.seeds)} seeds, 95 % bootstrap intervals"
    figure.suptitle(f"{title}\n{comparison.empty_note}".strip(), fontsize=11)
    return figure


def _draw_means(axis: Any, comparison: Comparison, metric: str) -> None:
    form = _forms(comparison).get(metric, "{:.3g}")
    for index, policy in enumerate(comparison.policies):
        interval = comparison.mean(policy, metric)
        colour = BEST_COLOUR if policy == comparison.best else COLOUR
        axis.barh(index, np.nan_to_num(interval.mean), color=colour, height=0.65)
        axis.plot([interval.low, interval.high], [index, index], color="black", linewidth=1.2)
        if np.isnan(interval.mean):
            axis.text(0.02, index, "undefined", transform=axis.get_yaxis_transform(), va="center", fontsize=NUMBER_SIZE)
        else:
            end = np.fmax(interval.mean, interval.high)
            _number(axis, form.format(interval.mean), (end, index), (3, 0), va="center", ha="left")
    axis.margins(x=0.25)  # space for the numbers
    axis.spines[["top", "right"]].set_visible(False)


def _forms(comparison: Comparison) -> dict[str, str]:
    """Metric -> its format in the tables."""
    layout = comparison.layout
    return {metric: form for metric, _, form in (layout.headline, *layout.columns)}


def _number(axis: Any, text: str, point: tuple[float, float], shift: tuple[float, float], **alignment: str) -> None:
    """Writes a number beside a point, shifted by points of 1/72 inch."""
    pale = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.5}
    axis.annotate(text, point, shift, textcoords="offset points", fontsize=NUMBER_SIZE, bbox=pale, **alignment)


def far_policies(comparison: Comparison) -> list[str]:
    """Policies whose differences would leave no space for those of the others on a common axis.

    These are at most half of the policies other than the reference, and begin with the largest step between two
    successive differences in order of size, if that is by a factor of at least BREAK_FACTOR.
    """
    reach = sorted(
        (_reach(comparison, policy), policy) for policy in comparison.policies if policy != comparison.reference
    )
    steps = [
        (larger[0] / smaller[0], index + 1)
        for index, (smaller, larger) in enumerate(pairwise(reach))
        if 2 * (index + 1) >= len(reach) and smaller[0] > 0
    ]
    factor, first = max(steps, default=(0.0, 0))
    return [policy for _, policy in reach[first:]] if factor >= BREAK_FACTOR else []


def _reach(comparison: Comparison, policy: str) -> float:
    """The largest distance from 0 of a policy's difference and its interval."""
    interval = comparison.difference(policy)
    return float(np.nanmax(np.abs([interval.mean, interval.low, interval.high])))


def draw_differences(comparison: Comparison, far: list[str], axes: Any) -> None:
    """Draws the paired differences: near ones on the last axis, those of `far` policies on the one before it."""
    near = axes[-1]
    for index, policy in enumerate(comparison.policies):
        _draw_difference(axes[0] if policy in far else near, comparison, policy, index)
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.margins(x=0.25)
    near.axvline(0.0, color="black", linewidth=0.8)
    near.set_title(
        f"{comparison.layout.score_title},\ndifference to {comparison.reference}", fontsize=TITLE_SIZE, loc="right"
    )
    if far:
        _break_axis(*axes)


def _draw_difference(axis: Any, comparison: Comparison, policy: str, index: int) -> None:
    interval = comparison.difference(policy)
    axis.plot([interval.low, interval.high], [index, index], color=COLOUR, linewidth=2)
    if policy == comparison.reference:
        axis.plot(interval.mean, index, "o", color=BEST_COLOUR)
        return
    axis.plot(interval.mean, index, "o", color=COLOUR)
    _number(axis, f"{interval.mean:+.1f}", (interval.mean, index), (0, 5), ha="center", va="bottom")


def _break_axis(left: Any, right: Any) -> None:
    """Marks the break between two parts of an axis by strokes, and keeps their outer ticks."""
    right.spines["left"].set_visible(False)
    right.tick_params(left=False)
    stroke = {"marker": [(-1, -2), (1, 2)], "markersize": 9, "linestyle": "none", "color": "black", "clip_on": False}
    left.plot(1, 0, transform=left.transAxes, **stroke)
    right.plot(0, 0, transform=right.transAxes, **stroke)
    left.margins(x=0.5)
    left.xaxis.get_major_locator().set_params(nbins=1, min_n_ticks=1)  # two would touch
