"""Figures shared by the studies: colours, axes, and line plots over a sweep. Matplotlib is imported on use."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from edge_llm_gym.evaluation.plots import new_figure
from scripts.reproduce.measures import MEASURES
from scripts.reproduce.running import Results, SweepResult

COLOURS: Final = (
    "#c8511b",
    "#7a3b9e",
    "#c99a06",
    "#2b6cb0",
    "#3a9d8f",
    "#6b8e23",
    "#8d6e63",
    "#9e9e9e",
    "#444444",
)
MARKERS: Final = "osD^vPX*h"
LONG_LEGEND: Final = 70
"""Number of characters of all labels from which on a legend takes two rows."""


def lines(results: Results, result: SweepResult) -> Any:
    """A panel for each of the study's measures: means of every policy over a numeric sweep, with their intervals."""
    figure = new_figure(10.0, 4.0)
    axes = figure.subplots(1, len(results.study.measures), squeeze=False)[0]
    values = [float(point.label) for point in result.sweep.points]
    for axis, measure in zip(axes, results.study.measures, strict=True):
        for policy in results.study.policy_names:
            _line(axis, results, result, policy, measure)
        _set_ticks(axis, values)
        name_axes(axis, result.sweep.axis, MEASURES[measure].axis, MEASURES[measure].scale)
    legend_below(figure, axes[0])
    return figure


def _line(axis: Any, results: Results, result: SweepResult, policy: str, measure: str) -> None:
    index = results.study.policy_names.index(policy)
    own = policy == results.study.scheduler
    style = {"color": COLOURS[index], "marker": MARKERS[index], "zorder": 3.0 if own else 2.0}
    values = [float(point.label) for point in result.sweep.points]
    means = [result.mean(point, policy, measure).mean for point in range(len(values))]
    axis.plot(values, means, label=policy, markersize=5, linewidth=2.4 if own else 1.2, **style)
    draw = _bars if MEASURES[measure].paired else _band
    draw(axis, results, result, policy, measure, values)


def _band(axis: Any, results: Results, result: SweepResult, policy: str, measure: str, values: list[float]) -> None:
    """The interval of a policy's own mean."""
    means = [result.mean(point, policy, measure) for point in range(len(values))]
    band = [mean.low for mean in means], [mean.high for mean in means]
    axis.fill_between(values, *band, color=colour_of(results, policy), alpha=0.2, linewidth=0)


def _bars(axis: Any, results: Results, result: SweepResult, policy: str, measure: str, values: list[float]) -> None:
    """The interval of a policy's paired difference to the scheduler under study, drawn about the policy's mean."""
    for point, value in enumerate(values):
        height = result.mean(point, policy, measure).mean
        gap = result.difference(point, policy, results.study.scheduler, measure)
        ends = [height + gap.low - gap.mean, height + gap.high - gap.mean]
        axis.plot([value, value], ends, color=colour_of(results, policy), linewidth=0.9)


def colour_of(results: Results, policy: str) -> str:
    """The colour of a policy in all figures of a page."""
    return COLOURS[results.study.policy_names.index(policy)]


def legend_below(figure: Any, axis: Any) -> None:
    """The axis' legend below the whole figure, in two rows where the labels are long."""
    handles, labels = axis.get_legend_handles_labels()
    rows = 1 if sum(map(len, labels)) < LONG_LEGEND else 2
    columns = -(-len(labels) // rows)
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False, fontsize=9)


def _set_ticks(axis: Any, values: list[float]) -> None:
    """Ticks at the values; a logarithmic axis where they span more than a factor of eight."""
    if values[-1] > 8.0 * values[0] > 0.0:
        axis.set_xscale("log")
    axis.set_xticks(values, [f"{value:g}" for value in values])
    axis.minorticks_off()


def name_axes(axis: Any, x: str, y: str, scale: str = "zero") -> None:
    """Titles of both axes and the scale of y, a key of SCALES."""
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
    """Ticks of a logarithmic axis at 1, 2, 5, 10, ..., without exponents."""
    from matplotlib import ticker

    axis.set_major_locator(ticker.LogLocator(base=10.0, subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter("")


def _shares(axis: Any) -> None:
    axis.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g} %")


SCALES: Final[Mapping[str, Callable[[Any], None]]] = {"zero": _from_zero, "log": _logarithmic, "shares": _shares}
"""Scale of an axis: linear from 0, logarithmic, or linear in percent."""
