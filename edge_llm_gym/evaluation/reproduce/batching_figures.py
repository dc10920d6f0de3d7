"""Pictures of the batching studies. Matplotlib is loaded on use."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from edge_llm_gym.evaluation.plots import new_figure
from edge_llm_gym.evaluation.reproduce.batching_claims import GUARANTEE
from edge_llm_gym.evaluation.reproduce.effort import Effort
from edge_llm_gym.evaluation.reproduce.figures import COLOURS, MARKERS, legend_below, lines, name_axes
from edge_llm_gym.evaluation.reproduce.measures import MEASURES, THROUGHPUT
from edge_llm_gym.evaluation.reproduce.run import BatchingReproduction, SweepResult


def figures(run: BatchingReproduction) -> Iterator[tuple[str, str, Any]]:
    """Key, caption and figure of every picture."""
    numeric = [result for result in run.sweeps if result.sweep.numeric]
    named = [result for result in run.sweeps if not result.sweep.numeric]
    for result in numeric:
        yield result.sweep.key, f"{result.sweep.title}: throughput and served share", lines(run, result)
    if named:
        yield "quantisation", "Throughput by model and quantisation", _bars(run, named)
    yield "effort", EFFORT_CAPTIONS[run.study.name], EFFORT_FIGURES[run.study.name](run)


def _bars(run: BatchingReproduction, results: list[SweepResult]) -> Any:
    figure = new_figure(12.0, 3.8)
    axes = figure.subplots(1, len(results), squeeze=False)[0]
    width = 0.8 / len(run.study.policies)
    for axis, result in zip(axes, results, strict=True):
        places = np.arange(len(result.sweep.points))
        for order, (policy, _) in enumerate(run.study.policies):
            means = [result.mean(int(index), policy, THROUGHPUT) for index in places]
            heights = np.array([mean.mean for mean in means])
            errors = np.abs(np.array([(mean.low, mean.high) for mean in means]).T - heights)
            offset = (order - (len(run.study.policies) - 1) / 2) * width
            bars = {"color": COLOURS[order], "label": policy, "error_kw": {"linewidth": 0.8}}
            axis.bar(places + offset, heights, width, yerr=errors, **bars)
        axis.set_xticks(places, [point.label for point in result.sweep.points], fontsize=8)
        axis.set_title(result.sweep.title, fontsize=10)
        name_axes(axis, "", MEASURES[THROUGHPUT].axis)
    legend_below(figure, axes[0])
    return figure


def _effort_single(run: BatchingReproduction) -> Any:
    figure = new_figure(6.5, 4.0)
    axis = figure.subplots()
    series = {"brute force": "brute force: all subsets", "depth first": "depth first, no bound", "dftsp": "DFTSP"}
    _draw_nodes(axis, run.effort, series)
    return figure


def _effort_many(run: BatchingReproduction) -> Any:
    figure = new_figure(11.0, 4.0)
    axes = figure.subplots(1, 2)
    _draw_ratios(axes[0], run.effort)
    series = {"brute force": "brute force: all assignments", "improved": "with improvement", "ot-gah": "OT-GAH"}
    _draw_nodes(axes[1], run.effort, series)
    return figure


def _draw_ratios(axis: Any, efforts: tuple[Effort, ...]) -> None:
    rates = [effort.rate_per_s for effort in efforts]
    for colour, (name, label) in zip(
        COLOURS, (("ratio", "OT-GAH"), ("improved ratio", "with improvement")), strict=False
    ):
        means = [effort.mean(name).mean for effort in efforts]
        worst = [effort.samples(name).min() for effort in efforts]
        axis.plot(rates, means, "o-", color=colour, label=f"{label}, mean")
        axis.plot(rates, worst, "v:", color=colour, label=f"{label}, worst")
    axis.axhline(GUARANTEE, color="black", linewidth=0.8)
    axis.annotate("guarantee", (rates[0], GUARANTEE), xytext=(0, 4), textcoords="offset points", fontsize=8)
    name_axes(axis, "arrivals per second", "value over the epoch's optimum")
    axis.set_ylim(0, 1.05)
    axis.legend(frameon=False, fontsize=9)


def _draw_nodes(axis: Any, efforts: tuple[Effort, ...], series: Mapping[str, str]) -> None:
    """Mean search nodes over the number of requests that somebody could serve."""
    for place, (name, label) in enumerate(series.items()):
        by_size = _by_size(efforts, name)
        axis.plot(
            list(by_size), [np.mean(nodes) for nodes in by_size.values()], MARKERS[place], markersize=4, label=label
        )
    axis.set_yscale("log")
    axis.set_xlabel("servable requests in the epoch")
    axis.set_ylabel("search nodes, mean over epochs")
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False, fontsize=9)


def _by_size(efforts: tuple[Effort, ...], name: str) -> dict[int, list[float]]:
    found = defaultdict(list)
    for effort in efforts:
        for size, nodes in zip(effort.samples("requests"), effort.samples(name), strict=True):
            found[int(size)].append(nodes)
    return dict(sorted(found.items()))


EFFORT_FIGURES: Mapping[str, Callable[[BatchingReproduction], Any]] = {"dftsp": _effort_single, "ot-gah": _effort_many}
EFFORT_CAPTIONS: Mapping[str, str] = {
    "dftsp": "Search nodes of DFTSP, of a depth-first search without bounds, and subsets that the brute force tries",
    "ot-gah": "Left: value over the exact optimum of the same epoch. Right: search nodes",
}
