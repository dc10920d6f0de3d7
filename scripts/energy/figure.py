"""The figure: one panel per case, a curve through the prices. Matplotlib is imported on use."""

from collections.abc import Sequence
from typing import Any, Final

from edge_llm_gym.evaluation.plots import new_figure
from scripts.energy.study import CaseResult

COLOUR: Final = "#2b6cb0"
LABEL_SIZE: Final = 8


def draw(results: Sequence[CaseResult]) -> Any:
    """Share of the value served over the energy per served request; bars are 95 % intervals over seeds."""
    figure = new_figure(11.0, 3.8)
    for axis, result in zip(figure.subplots(1, len(results), squeeze=False)[0], results, strict=True):
        _panel(axis, result)
    return figure


def _panel(axis: Any, result: CaseResult) -> None:
    energy = [result.mean(price, "energy_per_served_j") for price in result.prices]
    share = [result.mean(price, "served_share") for price in result.prices]
    x, y = [one.mean for one in energy], [100 * one.mean for one in share]
    x_bars = [[one.mean - one.low for one in energy], [one.high - one.mean for one in energy]]
    y_bars = [[100 * (one.mean - one.low) for one in share], [100 * (one.high - one.mean) for one in share]]
    axis.errorbar(x, y, yerr=y_bars, xerr=x_bars, fmt="-o", color=COLOUR, markersize=4, elinewidth=0.8)
    for index, price in enumerate(result.prices):
        side = 5 if index % 2 else -11
        axis.annotate(f"{1e3 * price:g}", (x[index], y[index]), (4, side), textcoords="offset points", size=LABEL_SIZE)
    axis.set_title(f"{result.case.title}, {result.case.expert}", fontsize=10)
    axis.set_xlabel("energy per served request [J]")
    axis.set_ylabel("value served [%]")
    axis.spines[["top", "right"]].set_visible(False)
