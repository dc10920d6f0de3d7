"""Pictures of the study of streams. Matplotlib is loaded on use."""

from collections.abc import Iterator
from typing import Any

from edge_llm_gym.evaluation.plots import new_figure
from edge_llm_gym.evaluation.reproduce.disturbance import Disturbed
from edge_llm_gym.evaluation.reproduce.figures import COLOURS, MARKERS, legend_below, lines, name_axes, plain_ticks
from edge_llm_gym.evaluation.reproduce.measures import ACCURACY, DELAY, MEASURES
from edge_llm_gym.evaluation.reproduce.routing import threshold_name, weight_name
from edge_llm_gym.evaluation.reproduce.run import RoutingReproduction, SweepResult

VARIANT_STYLES = (":", "--")
REFERENCE = weight_name(20.0)
SWEEP_CAPTION = "mean delay, and accuracy, where bars are 95 % intervals of the paired difference to DTO-EE"
TRADEOFF_CAPTION = "Accuracy against mean delay; bars are 95 % intervals of the paired difference to DTO-EE at 20 s"


def figures(run: RoutingReproduction) -> Iterator[tuple[str, str, Any]]:
    """Key, caption and figure of every picture."""
    for result in run.sweeps:
        yield result.sweep.key, f"{result.sweep.title}: {SWEEP_CAPTION}", lines(run, result)
    yield "disturbance", "Mean delay and accuracy by time of arrival; the node is slow in the shaded part", _series(run)
    yield "tradeoff", TRADEOFF_CAPTION, _tradeoff(run)


def _series(run: RoutingReproduction) -> Any:
    figure = new_figure(11.0, 4.4)
    axes = figure.subplots(1, 2)
    for axis, measure, sums in zip(axes, (DELAY, ACCURACY), ("response_s", "correct"), strict=True):
        _shade(axis, run.disturbed)
        for name, style in _styles(run).items():
            _draw_series(axis, run, name, sums, style)
        name_axes(axis, "time of arrival [s]", MEASURES[measure].axis, MEASURES[measure].scale)
    legend_below(figure, axes[0])
    return figure


def _styles(run: RoutingReproduction) -> dict[str, dict[str, Any]]:
    """Line of every policy; variants of the scheduler have its colour, and none of its markers."""
    own = {"color": COLOURS[0], "linewidth": 1.6}
    plain = {
        name: {"color": COLOURS[place], "marker": MARKERS[place], "markersize": 3.5, "linewidth": 1.1}
        for place, (name, _) in enumerate(run.study.policies)
    }
    plain[run.study.scheduler] |= {"linewidth": 2.4, "zorder": 3.0}
    variants = (name for name, _ in run.study.disturbance.policies)
    return plain | {name: own | {"linestyle": line} for name, line in zip(variants, VARIANT_STYLES, strict=True)}


def _draw_series(axis: Any, run: RoutingReproduction, name: str, sums: str, style: dict[str, Any]) -> None:
    time_s, means = run.disturbed.series(name, sums)
    axis.plot(time_s, [mean.mean for mean in means], label=name, **style)
    if name == run.study.scheduler:
        band = [mean.low for mean in means], [mean.high for mean in means]
        axis.fill_between(time_s, *band, color=style["color"], alpha=0.2, linewidth=0)


def _shade(axis: Any, disturbed: Disturbed) -> None:
    slowed = disturbed.disturbance.phases["slowed"]
    axis.axvspan(slowed.start * disturbed.epoch_s, slowed.stop * disturbed.epoch_s, color="#eeeeee", zorder=0)


def _tradeoff(run: RoutingReproduction) -> Any:
    figure = new_figure(9.0, 5.0)
    axis, study, result = figure.subplots(), run.study, run.tradeoff
    weights = {weight_name(weight_s): f"{weight_s:g}" for weight_s in study.weights_s}
    fixed = {threshold_name(one): f"{one:g}" for one in study.thresholds}
    _draw_curve(axis, result, weights, 0, "DTO-EE, by accuracy weight in s", above=True)
    _draw_curve(axis, result, fixed, 1, "fixed-threshold, by threshold", above=False)
    for name in study.tradeoff_points:
        place = [policy for policy, _ in study.policies].index(name)
        _draw_point(axis, result, name, place, name)
    name_axes(axis, MEASURES[DELAY].axis, MEASURES[ACCURACY].axis, MEASURES[ACCURACY].scale)
    axis.set_xscale("log")
    plain_ticks(axis.xaxis)
    legend_below(figure, axis)
    return figure


def _draw_curve(axis: Any, result: SweepResult, names: dict[str, str], place: int, title: str, above: bool) -> None:
    """A line through the means of several settings, each with its crosses of intervals and its own label."""
    means = [(result.mean(0, name, DELAY).mean, result.mean(0, name, ACCURACY).mean) for name in names]
    axis.plot(*zip(*means, strict=True), color=COLOURS[place], linewidth=1.4, alpha=0.7)
    for number, (name, text) in enumerate(names.items()):
        _draw_point(axis, result, name, place, title if number == 0 else "_")
        offset = (-4, 7) if above else (5, -12)
        axis.annotate(
            text, means[number], xytext=offset, textcoords="offset points", fontsize=8, color=COLOURS[place],
            ha="right" if above else "left",
        )  # fmt: skip


def _draw_point(axis: Any, result: SweepResult, name: str, place: int, title: str) -> None:
    """A mean, with the interval of its paired difference to the reference as bars: tapes differ more than policies."""
    means = [result.mean(0, name, measure).mean for measure in (DELAY, ACCURACY)]
    differences = [result.difference(0, name, REFERENCE, measure) for measure in (DELAY, ACCURACY)]
    across, up = ([[one.mean - one.low], [one.high - one.mean]] for one in differences)
    style = {"color": COLOURS[place], "marker": MARKERS[place], "markersize": 6, "linestyle": "none"}
    axis.errorbar(*means, up, across, label=title, elinewidth=0.8, **style)
