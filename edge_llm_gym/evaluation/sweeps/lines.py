"""Panels of a sweep over one parameter: a line per policy with its band, or bars where the values are no numbers."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.evaluation.statistics import Interval
from edge_llm_gym.evaluation.sweeps.grid import Parameter
from edge_llm_gym.evaluation.sweeps.result import RANDOM, Sweep

COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#495057", "#8d6e63")
"""Colour-blind safe after Okabe and Ito (2008), with grey and brown in place of yellow and black."""
MARKERS: Final = "osD^vPX*h"
LOGARITHMIC: Final = 8.0
"""Ratio of the largest to the smallest value above which the axis of the parameter is logarithmic."""
SPREAD: Final = 0.5
"""Width over which the policies are spread where the values are no numbers; neighbours are 1 apart."""
LEGEND_CHARACTERS: Final = 90
"""Length of all names above which the legend takes two rows."""
Measure = Callable[[int, str], Interval]
"""(index of a point, policy) -> mean or difference with its interval."""


def draw_lines(sweep: Sweep, metric: str, axes: Sequence[Any]) -> None:
    """Means of a metric on the first axis, and on the second one, if there is one, the differences to the reference.

    Differences of random decisions are left out beside those of other policies.
    """
    title, form = sweep.layout.described(metric)
    means, *differences = axes
    _draw(means, sweep, sweep.policies, lambda index, policy: sweep.mean(index, policy, metric))
    means.set_title(title, loc="left", fontsize=10)
    for axis in differences:
        axis.axhline(0.0, color=_style(sweep, sweep.reference)["color"], linewidth=1.2)
        _draw(axis, sweep, sweep.rivals, lambda index, policy: sweep.difference(index, policy, metric))
        left_out = "" if sweep.rivals == sweep.others else f", without {RANDOM}"
        axis.set_title(f"difference to {sweep.reference}{left_out}", loc="left", fontsize=10)
    for axis in axes:
        _set_ticks(axis, sweep.parameters[0])
        _set_percent(axis, form)
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(axis="y", color="0.9", linewidth=0.6)


def legend_below(figure: Any, axis: Any) -> None:
    """The legend of an axis below the whole figure."""
    handles, labels = axis.get_legend_handles_labels()
    rows = -(-sum(map(len, labels)) // LEGEND_CHARACTERS)
    figure.legend(handles, labels, loc="outside lower center", ncols=-(-len(labels) // rows), frameon=False, fontsize=9)


def _draw(axis: Any, sweep: Sweep, policies: Sequence[str], measure: Measure) -> None:
    for policy in policies:
        intervals = [measure(index, policy) for index in range(len(sweep.grid.points))]
        draw = _draw_line if sweep.parameters[0].is_numeric else _draw_bars
        draw(axis, sweep, policy, intervals)


def _draw_line(axis: Any, sweep: Sweep, policy: str, intervals: Sequence[Interval]) -> None:
    """A line through the means, and a band over the intervals, by rising values."""
    values = np.array(sweep.parameters[0].values, np.float64)
    order = np.argsort(values)
    means, low, high = (numbers[order] for numbers in _columns(intervals))
    style = _style(sweep, policy)
    axis.plot(values[order], means, label=policy, markersize=5, linewidth=1.6, **style)
    axis.fill_between(values[order], low, high, color=style["color"], alpha=0.2, linewidth=0)


def _draw_bars(axis: Any, sweep: Sweep, policy: str, intervals: Sequence[Interval]) -> None:
    """A marker at each mean, and a bar over its interval; policies stand beside one another."""
    count, rank = len(sweep.policies), sweep.policies.index(policy)
    places = np.arange(len(intervals)) + SPREAD * ((rank + 0.5) / count - 0.5)
    means, low, high = _columns(intervals)
    style = _style(sweep, policy)
    axis.plot(places, means, label=policy, markersize=5, linestyle="none", **style)
    axis.vlines(places, low, high, color=style["color"], linewidth=1.6)


def _columns(intervals: Sequence[Interval]) -> Array:
    """[3, n] means and ends; NaN leaves a gap."""
    return np.array([(each.mean, each.low, each.high) for each in intervals], np.float64).reshape(-1, 3).T


def _style(sweep: Sweep, policy: str) -> dict[str, Any]:
    rank = sweep.policies.index(policy)
    return {"color": COLOURS[rank % len(COLOURS)], "marker": MARKERS[rank % len(MARKERS)]}


def _set_ticks(axis: Any, parameter: Parameter) -> None:
    """A tick at every value; a logarithmic axis where the values span a large ratio."""
    if not parameter.is_numeric:
        axis.set_xticks(range(len(parameter.values)), parameter.labels)
        return
    if max(parameter.values) > LOGARITHMIC * min(parameter.values) > 0.0:
        axis.set_xscale("log")
    axis.set_xticks(parameter.values, parameter.labels)
    axis.minorticks_off()


def _set_percent(axis: Any, form: str) -> None:
    """Shares in percent."""
    if form.endswith("%}"):
        axis.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g} %")
