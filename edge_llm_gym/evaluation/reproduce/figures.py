"""What the studies' pictures share: colours, axes, and lines over a sweep. Matplotlib is loaded on use."""

from collections.abc import Callable, Mapping
from typing import Any

from edge_llm_gym.evaluation.plots import new_figure
from edge_llm_gym.evaluation.reproduce.measures import MEASURES
from edge_llm_gym.evaluation.reproduce.run import Reproduction, SweepResult

COLOURS = ("#c8511b", "#7a3b9e", "#c99a06", "#2b6cb0", "#3a9d8f", "#6b8e23", "#8d6e63", "#9e9e9e", "#444444")
MARKERS = "osD^vPX*h"
LONG_LEGEND = 70
"""Letters of all labels together that do not fit into one row."""


def lines(run: Reproduction, result: SweepResult) -> Any:
    """A panel for each of the study's measures: means of every policy over a numeric sweep, with their intervals."""
    figure = new_figure(10.0, 4.0)
    axes = figure.subplots(1, len(run.study.measures), squeeze=False)[0]
    values = [float(point.label) for point in result.sweep.points]
    for axis, measure in zip(axes, run.study.measures, strict=True):
        for place, (policy, _) in enumerate(run.study.policies):
            own = policy == run.study.scheduler
            style = {"color": COLOURS[place], "marker": MARKERS[place], "zorder": 3.0 if own else 2.0}
            means = [result.mean(index, policy, measure).mean for index in range(len(values))]
            axis.plot(values, means, label=policy, markersize=5, linewidth=2.4 if own else 1.2, **style)
            draw = _bars if MEASURES[measure].paired else _band
            draw(axis, run, result, policy, measure, values)
        _spread(axis, values)
        name_axes(axis, result.sweep.axis, MEASURES[measure].axis, MEASURES[measure].scale)
    legend_below(figure, axes[0])
    return figure


def _band(axis: Any, run: Reproduction, result: SweepResult, policy: str, measure: str, values: list[float]) -> None:
    """The interval of a policy's own mean."""
    means = [result.mean(index, policy, measure) for index in range(len(values))]
    band = [mean.low for mean in means], [mean.high for mean in means]
    axis.fill_between(values, *band, color=_colour(run, policy), alpha=0.2, linewidth=0)


def _bars(axis: Any, run: Reproduction, result: SweepResult, policy: str, measure: str, values: list[float]) -> None:
    """The interval of a policy's paired difference to the scheduler in question, about the policy's mean."""
    for index, value in enumerate(values):
        height = result.mean(index, policy, measure).mean
        gap = result.difference(index, policy, run.study.scheduler, measure)
        ends = [height + gap.low - gap.mean, height + gap.high - gap.mean]
        axis.plot([value, value], ends, color=_colour(run, policy), linewidth=0.9)


def _colour(run: Reproduction, policy: str) -> str:
    return COLOURS[[name for name, _ in run.study.policies].index(policy)]


def legend_below(figure: Any, axis: Any) -> None:
    """The axis' legend under the whole figure, in two rows where the labels are long."""
    handles, labels = axis.get_legend_handles_labels()
    rows = 1 if sum(map(len, labels)) < LONG_LEGEND else 2
    columns = -(-len(labels) // rows)
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False, fontsize=9)


def _spread(axis: Any, values: list[float]) -> None:
    """A logarithmic axis where the values double from one to the next; ticks at the values."""
    if values[-1] > 8.0 * values[0] > 0.0:
        axis.set_xscale("log")
    axis.set_xticks(values, [f"{value:g}" for value in values])
    axis.minorticks_off()


def name_axes(axis: Any, x: str, y: str, scale: str = "zero") -> None:
    """Titles and scale of an axis: from "zero", "log" or in per cent as it fits, "shares"."""
    axis.set_xlabel(x)
    axis.set_ylabel(y)
    SCALES[scale](axis)
    axis.spines[["top", "right"]].set_visible(False)


def _from_zero(axis: Any) -> None:
    axis.set_ylim(bottom=0)


def _logarithmic(axis: Any) -> None:
    axis.set_yscale("log")
    plain_ticks(axis.yaxis)


def plain_ticks(axis: Any) -> None:
    """Ticks of a logarithmic axis at 1, 2, 5, 10, ..., written out."""
    from matplotlib import ticker

    axis.set_major_locator(ticker.LogLocator(base=10.0, subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter("")


def _shares(axis: Any) -> None:
    axis.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g} %")


SCALES: Mapping[str, Callable[[Any], None]] = {"zero": _from_zero, "log": _logarithmic, "shares": _shares}
