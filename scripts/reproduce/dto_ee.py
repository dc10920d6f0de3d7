"""Reproduction of the DTO-EE study: routing of request streams between stages with early exits (arXiv 2412.08284).

Beside its sweeps the study has an episode with a disturbance and a trade-off of delay against accuracy.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Final, Self

import gymnasium
import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.decoding.streaming import StreamingReader
from edge_llm_gym.evaluation.compare import Setup
from edge_llm_gym.evaluation.plots import new_figure
from edge_llm_gym.evaluation.policies import PolicyLike
from edge_llm_gym.evaluation.statistics import Interval, bootstrap_mean
from edge_llm_gym.experts import Policy, make_expert
from edge_llm_gym.experts.catalogue import STREAMING_THRESHOLD
from edge_llm_gym.experts.planners import DtoEe, Plan
from edge_llm_gym.experts.routing import RoutingExpert
from edge_llm_gym.scenario import load_scenario, scenario_of
from scripts.reproduce.claims import DISAGREES, Claim, verdict
from scripts.reproduce.epoch_totals import record_totals
from scripts.reproduce.figures import COLOURS, MARKERS, legend_below, lines, name_axes, plain_ticks
from scripts.reproduce.frontier import Competition
from scripts.reproduce.measures import ACCURACY, DELAY, MEASURES, Form, decimals, percent
from scripts.reproduce.reproduction import Figures, Reproduction
from scripts.reproduce.running import Results, Runner, SweepResult
from scripts.reproduce.study import RATE, Point, Study, Sweep, rate_sweep
from scripts.reproduce.tables import cell, markdown_table, means_table

SELFISH_REPLAN_EPOCHS: Final = 5
GENETIC_REPLAN_EPOCHS: Final = 25
"""Plans of these baselines take about 0.1 s and 0.5 s to compute, so they hold for several epochs."""
STAGES: Final = range(4), range(4, 7), range(7, 9)
"""Nodes of each stage: cells, hubs, centres."""
POOLS: Final = (
    (3, 3, 3, 3, 3, 3, 3, 4, 4),
    (2, 3, 4, 3, 3, 2, 4, 5, 3),
    (1, 2, 5, 4, 3, 1, 5, 6, 2),
    (1, 1, 7, 3, 2, 1, 6, 7, 1),
)
"""Number of identical devices of every node, from equal to very unequal; each stage has 12, 9 and 8 in all rows."""
POOL_RATE_PER_S: Final = 12.0
PLANNED_ONCE, RESTARTED = "dto-ee, planned once", "dto-ee, restarted"
RESTART_ROUNDS: Final = 100

CLAIMED_SAVING: Final = 0.21, 0.41
CLAIMED_GAIN: Final = 0.01, 0.04
RESTART_LOSS: Final = 0.05
"""Relative excess of delay over the restarted variant up to which the disturbance counts as absorbed."""


# Study


@dataclass(frozen=True)
class Disturbance:
    """A node slows down over the middle third of an episode, while the difficulty of the requests drifts.

    Requests are easiest at the start and at the end and hardest in the middle; arrivals are Poisson, so that nothing
    else changes. `policies` run beside those of the study. `bin_epochs` is the bin width of the figure.
    """

    node: int
    node_name: str
    factor: float
    rate_per_s: float
    horizon_epochs: int
    bin_epochs: int
    policies: tuple[tuple[str, PolicyLike], ...]

    @property
    def phases(self) -> Mapping[str, slice]:
        """Epochs before, while and after the node is slow."""
        first, last = self.horizon_epochs // 3, 2 * self.horizon_epochs // 3
        return {"before": slice(0, first), "slowed": slice(first, last), "after": slice(last, self.horizon_epochs)}

    def overrides(self, epoch_s: float) -> Mapping[str, Any]:
        """Scenario overrides that produce the disturbance."""
        slowed = self.phases["slowed"]
        slowdown = {"from_s": slowed.start * epoch_s, "until_s": slowed.stop * epoch_s, "factor": self.factor}
        return {
            "horizon_epochs": self.horizon_epochs,
            "arrivals": {"process": "poisson", "rate_per_s": self.rate_per_s},
            "exits.drift": {"period_s": self.horizon_epochs * epoch_s, "depth": 1.0, "phase": 0.75},
            f"nodes.{self.node}.slowdown": slowdown,
        }


@dataclass(frozen=True, kw_only=True)
class DtoEeStudy(Study):
    """Settings of the sweeps, the disturbance and the trade-off.

    The trade-off takes accuracy weights [s] for DTO-EE, and fixed thresholds for its routing.
    """

    disturbance: Disturbance
    weights_s: tuple[float, ...]
    thresholds: tuple[float, ...]

    @property
    def episodes_per_seed(self) -> int:
        """Number of episodes per seed, those of disturbance and trade-off included."""
        return super().episodes_per_seed + len(self.disturbed_policies) + len(self.tradeoff_policies)

    @property
    def disturbed_policies(self) -> tuple[tuple[str, PolicyLike], ...]:
        """Policies that run with the disturbance."""
        return self.policies + self.disturbance.policies

    @property
    def tradeoff_policies(self) -> tuple[tuple[str, PolicyLike], ...]:
        """DTO-EE at every weight, fixed thresholds, and the other baselines as they are."""
        weighted = ((weight_name(weight_s), partial(_weighted, weight_s)) for weight_s in self.weights_s)
        fixed = ((threshold_name(one), f"fixed-threshold[threshold={one}]") for one in self.thresholds)
        return (*weighted, *fixed, *((name, policy) for name, policy in self.policies if name in self.tradeoff_points))

    @property
    def tradeoff_points(self) -> tuple[str, ...]:
        """Baselines without a curve of their own."""
        return tuple(name for name in self.baselines if name != "fixed-threshold")

    def shortened(self) -> Self:
        """The same study as a trial run: a short disturbance, two weights and two thresholds."""
        return replace(
            super().shortened(),
            disturbance=replace(self.disturbance, horizon_epochs=9, bin_epochs=1),
            weights_s=self.weights_s[::4],
            thresholds=self.thresholds[::4],
        )


def weight_name(weight_s: float) -> str:
    """Name of DTO-EE with an accuracy weight."""
    return f"dto-ee, weight {weight_s:g} s"


def threshold_name(threshold: float) -> str:
    """Name of DTO-EE's routing with one fixed threshold."""
    return f"fixed-threshold, {threshold:g}"


def _weighted(weight_s: float, env: gymnasium.Env) -> Policy:
    """DTO-EE with an accuracy weight in its objective; the measures do not depend on the weight."""
    reward = {"mean_delay_s": -1.0, "accuracy": weight_s}
    return make_expert("dto-ee", load_scenario(scenario_of(env), {"reward": reward}))


class _Restarted(DtoEe):
    """DTO-EE without a warm start from the previous plan."""

    def __call__(self, reader: Any, estimate: Any, observation: Any, previous: Plan | None) -> Plan:
        """A plan that is computed from scratch."""
        return super().__call__(reader, estimate, observation, None)


def _restarted(env: gymnasium.Env) -> Policy:
    return RoutingExpert(RESTARTED, StreamingReader(scenario_of(env)), _Restarted(max_rounds=RESTART_ROUNDS))


def _pool_sweep() -> Sweep:
    """Every stage has the same devices in all settings, distributed more and more unevenly among its nodes."""
    axis = "spread of the nodes' speeds (coefficient of variation)"
    return Sweep("spread", "Heterogeneous nodes", axis, tuple(Point(_spread(pools), _pooled(pools)) for pools in POOLS))


def _pooled(pools: tuple[int, ...]) -> Mapping[str, Any]:
    hardware = {f"nodes.{node}.hardware": "jetson-agx-orin" for node in range(len(pools))}
    return {RATE: POOL_RATE_PER_S} | hardware | {f"nodes.{node}.count": count for node, count in enumerate(pools)}


def _spread(pools: tuple[int, ...]) -> str:
    stages = [np.array(stage) for stage in _by_stage(pools)]
    return f"{np.mean([stage.std() / stage.mean() for stage in stages]):.2g}"


def _by_stage(pools: tuple[int, ...]) -> list[list[int]]:
    return [[pools[node] for node in stage] for stage in STAGES]


TRADEOFF: Final = Sweep("tradeoff", "Delay against accuracy", "", (Point("the scenario as it is", {}),), numeric=False)
STUDY: Final = DtoEeStudy(
    name="dto-ee",
    environment="EdgeLLM/EarlyExit-v0",
    scenario="early-exit",
    scheduler="dto-ee",
    policies=(
        ("dto-ee", "dto-ee"),
        ("fixed-threshold", "fixed-threshold"),
        ("no-exit", "no-exit"),
        ("selfish", f"selfish[replan_every={SELFISH_REPLAN_EPOCHS}]"),
        ("genetic", f"genetic[replan_every={GENETIC_REPLAN_EPOCHS}]"),
        ("compute-proportional", "compute-proportional"),
        ("bandwidth-proportional", "bandwidth-proportional"),
        ("uniform", "uniform"),
    ),
    sweeps=(rate_sweep((4.0, 6.0, 8.0, 10.0, 12.0)), _pool_sweep()),
    measures=(DELAY, ACCURACY),
    horizon_epochs=100,
    disturbance=Disturbance(
        node=7,
        node_name="centre-a",
        factor=3.0,
        rate_per_s=8.0,
        horizon_epochs=120,
        bin_epochs=4,
        policies=((PLANNED_ONCE, "dto-ee[replan_every=1000]"), (RESTARTED, _restarted)),
    ),
    weights_s=(1.0, 3.0, 6.0, 10.0, 20.0, 60.0, 200.0, 1000.0),
    thresholds=(0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
)
assert STREAMING_THRESHOLD in STUDY.thresholds


# Results

TOTALS: Final = ("arrived", "response_s", "correct", "full_correct")
"""Totals kept of an epoch's arrivals: number, sum of delays [s], correct answers, and those of the last exit."""
RATIOS: Final = {DELAY: ("response_s", "arrived"), ACCURACY: ("correct", "full_correct")}
"""Measure -> the totals whose ratio it is."""


@dataclass(frozen=True, eq=False)
class Disturbed:
    """Episodes with the disturbance: `totals[policy]` [n, H, 4] holds TOTALS for each seed and epoch."""

    disturbance: Disturbance
    epoch_s: float
    totals: Mapping[str, Array]

    def samples(self, policy: str, phase: str, measure: str) -> Array:
        """[n] mean delay [s] or accuracy of the requests that arrive in a phase."""
        return self._ratio(policy, self.disturbance.phases[phase], measure)

    def mean(self, policy: str, phase: str, measure: str) -> Interval:
        """Mean over seeds with its 95 % interval."""
        return bootstrap_mean(self.samples(policy, phase, measure))

    def series(self, policy: str, measure: str) -> tuple[Array, list[Interval]]:
        """Centres of the time bins [s], and the mean over the arrivals of each bin, averaged over seeds."""
        width, horizon = self.disturbance.bin_epochs, self.disturbance.horizon_epochs
        starts = np.arange(0, horizon, width)
        means = [bootstrap_mean(self._ratio(policy, slice(start, start + width), measure)) for start in starts]
        return (starts + width / 2) * self.epoch_s, means

    def _ratio(self, policy: str, epochs: slice, measure: str) -> Array:
        total = self.totals[policy][:, epochs].sum(axis=1)
        part, whole = (total[:, TOTALS.index(name)] for name in RATIOS[measure])
        return part / np.where(whole > 0, whole, np.nan)


@dataclass(frozen=True)
class DtoEeResults(Results):
    """Results of sweeps, disturbance and trade-off (a sweep of one setting with the trade-off's policies)."""

    study: DtoEeStudy
    disturbed: Disturbed
    tradeoff: SweepResult


def _run(study: DtoEeStudy, runner: Runner) -> DtoEeResults:
    sweeps, disturbed = runner.sweeps(), disturb(study, runner)
    return DtoEeResults(study, runner.seeds, sweeps, disturbed, runner.sweep(TRADEOFF, study.tradeoff_policies))


def disturb(study: DtoEeStudy, runner: Runner) -> Disturbed:
    """Runs every policy with the disturbance, on the seeds of the sweeps."""
    epoch_s = load_scenario(study.scenario).epoch_s
    settings = {"scenario": study.scenario, "overrides": study.disturbance.overrides(epoch_s)}
    totals = record_totals(runner, Setup(study.environment, settings), study.disturbed_policies, TOTALS)
    return Disturbed(study.disturbance, epoch_s, totals)


# Claims


def _claim_less_delay(results: DtoEeResults) -> Claim:
    """DTO-EE has less mean delay than its baselines."""
    own, (least, most) = results.study.scheduler, CLAIMED_SAVING
    savings = _by_baseline(results, lambda result, point, other: result.saving(point, own, other, DELAY))
    means = np.array([[one.mean for one in row] for row in savings.values()])
    numbers = {
        "claimed": CLAIMED_SAVING,
        "pairs": means.size,
        "at_least": int((means >= least).sum()),
        "above": int((means > most).sum()),
        "slower": int((means < 0).sum()),
        "ranges": _ranges(savings),
    }
    return Claim("less_delay", _balance(means, least), numbers)


def _claim_more_accuracy(results: DtoEeResults) -> Claim:
    """DTO-EE is more accurate than its baselines."""
    own, (least, _) = results.study.scheduler, CLAIMED_GAIN
    gains = _by_baseline(results, lambda result, point, other: result.difference(point, own, other, ACCURACY))
    means = np.array([[one.mean for one in row] for row in gains.values()])
    numbers = {
        "claimed": CLAIMED_GAIN,
        "pairs": means.size,
        "at_least": int((means >= least).sum()),
        "below": int((means < 0).sum()),
        "ranges": _ranges(gains),
    }
    return Claim("more_accuracy", _balance(means, least), numbers)


def _balance(means: Array, least: float) -> str:
    """Agreement by the number of sufficient differences; fewer of them than negative ones is disagreement."""
    good = int((means >= least).sum())
    return DISAGREES if good < (means < 0).sum() else verdict(good, means.size)


def _by_baseline(
    results: DtoEeResults, compared: Callable[[SweepResult, int, str], Interval]
) -> dict[str, list[Interval]]:
    """Baseline -> the comparison with it at every setting of every sweep."""
    settings = [(result, point) for result in results.sweeps for point in range(len(result.sweep.points))]
    return {other: [compared(result, point, other) for result, point in settings] for other in results.study.baselines}


def _ranges(rows: Mapping[str, Iterable[Interval]]) -> list[dict[str, Any]]:
    """Ranges of means in percent; policies with the same range are listed together."""
    names: dict[str, list[str]] = {}
    for name, row in rows.items():
        names.setdefault(_range(row), []).append(name)
    return [{"policies": alike, "range": ends} for ends, alike in names.items()]


def _range(row: Iterable[Interval]) -> str:
    """Lowest to highest mean in percent, undefined ones left out; empty where all are undefined."""
    means = [100 * one.mean for one in row if not np.isnan(one.mean)]
    return f"{min(means):.1f} to {max(means):.1f}" if means else ""


def competitions(results: DtoEeResults) -> dict[str, Competition]:
    """Every baseline's point of the trade-off, compared with DTO-EE's curve over its weights."""
    study, result = results.study, results.tradeoff
    weights = [weight_name(weight_s) for weight_s in study.weights_s]
    delay_s, accuracy = (
        np.stack([result.samples(0, name, measure) for name in weights], axis=1) for measure in (DELAY, ACCURACY)
    )
    return {
        other: Competition(delay_s, accuracy, result.samples(0, other, DELAY), result.samples(0, other, ACCURACY))
        for other in (*map(threshold_name, study.thresholds), *study.tradeoff_points)
    }


def _claim_better_tradeoff(results: DtoEeResults) -> Claim:
    """DTO-EE has a better trade-off of delay and accuracy than its baselines."""
    pairs = [(one.saving(), one.gain()) for one in competitions(results).values()]
    better = sum(any(interval.low > 0 for interval in pair) for pair in pairs)
    numbers = {
        "points": len(pairs),
        "better": better,
        "worse": sum(any(interval.high < 0 for interval in pair) for pair in pairs),
        "savings": _range(saving for saving, _ in pairs),
        "gains": _range(gain for _, gain in pairs),
    }
    return Claim("better_tradeoff", verdict(better, len(pairs)), numbers)


def _claim_adaptation(results: DtoEeResults) -> Claim:
    """DTO-EE adapts to a changing environment, here without a restart."""
    disturbed, own, others = results.disturbed, results.study.scheduler, results.study.baselines
    ahead = sum(_lead_s(disturbed, own, other).low > 0 for other in others)
    losses = [_loss(disturbed, own, phase) for phase in ("slowed", "after")]
    accuracies = [disturbed.mean(other, "slowed", ACCURACY).mean for other in others]
    numbers = {
        "delay_s": disturbed.mean(own, "slowed", DELAY).mean,
        "planned_once_delay_s": disturbed.mean(PLANNED_ONCE, "slowed", DELAY).mean,
        "ahead": ahead,
        "baselines": len(others),
        "accuracy": disturbed.mean(own, "slowed", ACCURACY).mean,
        "baseline_accuracies": (min(accuracies), max(accuracies)),
        "loss_while_slow": losses[0],
        "loss_afterwards": losses[1],
    }
    good = ahead + sum(loss <= RESTART_LOSS for loss in losses)
    return Claim("adaptation", verdict(good, len(others) + len(losses)), numbers)


def _lead_s(disturbed: Disturbed, own: str, other: str) -> Interval:
    """Excess of another policy's mean delay while the node is slow."""
    return bootstrap_mean(disturbed.samples(other, "slowed", DELAY) - disturbed.samples(own, "slowed", DELAY))


def _loss(disturbed: Disturbed, own: str, phase: str) -> float:
    """Relative excess of delay over the restarted variant, mean over seeds."""
    return bootstrap_mean(disturbed.samples(own, phase, DELAY) / disturbed.samples(RESTARTED, phase, DELAY) - 1.0).mean


# Figures

VARIANT_STYLES: Final = (":", "--")
REFERENCE: Final = weight_name(20.0)


def _figures(results: DtoEeResults) -> Figures:
    for result in results.sweeps:
        yield result.sweep.key, lines(results, result)
    yield "disturbance", _disturbance_figure(results)
    yield "tradeoff", _tradeoff_figure(results)


def _disturbance_figure(results: DtoEeResults) -> Any:
    figure, disturbed = new_figure(11.0, 4.4), results.disturbed
    slowed = disturbed.disturbance.phases["slowed"]
    axes = figure.subplots(1, 2)
    for axis, measure in zip(axes, (DELAY, ACCURACY), strict=True):
        axis.axvspan(slowed.start * disturbed.epoch_s, slowed.stop * disturbed.epoch_s, color="#eeeeee", zorder=0)
        for name, style in _styles(results.study).items():
            _draw_series(axis, results, name, measure, style)
        name_axes(axis, "time of arrival [s]", MEASURES[measure].axis, MEASURES[measure].scale)
    legend_below(figure, axes[0])
    return figure


def _styles(study: DtoEeStudy) -> dict[str, dict[str, Any]]:
    """Line style of every policy; variants of DTO-EE have its colour and no markers."""
    own = {"color": COLOURS[0], "linewidth": 1.6}
    plain: dict[str, dict[str, Any]] = {
        name: {"color": COLOURS[index], "marker": MARKERS[index], "markersize": 3.5, "linewidth": 1.1}
        for index, name in enumerate(study.policy_names)
    }
    plain[study.scheduler] |= {"linewidth": 2.4, "zorder": 3.0}
    variants = (name for name, _ in study.disturbance.policies)
    return plain | {name: own | {"linestyle": line} for name, line in zip(variants, VARIANT_STYLES, strict=True)}


def _draw_series(axis: Any, results: DtoEeResults, name: str, measure: str, style: dict[str, Any]) -> None:
    time_s, means = results.disturbed.series(name, measure)
    axis.plot(time_s, [mean.mean for mean in means], label=name, **style)
    if name == results.study.scheduler:
        band = [mean.low for mean in means], [mean.high for mean in means]
        axis.fill_between(time_s, *band, color=style["color"], alpha=0.2, linewidth=0)


def _tradeoff_figure(results: DtoEeResults) -> Any:
    figure = new_figure(9.0, 5.0)
    axis, study, result = figure.subplots(), results.study, results.tradeoff
    weights = {weight_name(weight_s): f"{weight_s:g}" for weight_s in study.weights_s}
    fixed = {threshold_name(one): f"{one:g}" for one in study.thresholds}
    _draw_curve(axis, result, weights, 0, "DTO-EE, by accuracy weight in s", above=True)
    _draw_curve(axis, result, fixed, 1, "fixed-threshold, by threshold", above=False)
    for name in study.tradeoff_points:
        _draw_point(axis, result, name, study.policy_names.index(name), name)
    name_axes(axis, MEASURES[DELAY].axis, MEASURES[ACCURACY].axis, MEASURES[ACCURACY].scale)
    axis.set_xscale("log")
    plain_ticks(axis.xaxis)
    legend_below(figure, axis)
    return figure


def _draw_curve(axis: Any, result: SweepResult, names: dict[str, str], index: int, title: str, above: bool) -> None:
    """A line through the means of several settings; each point has its intervals and its own label."""
    means = [(result.mean(0, name, DELAY).mean, result.mean(0, name, ACCURACY).mean) for name in names]
    axis.plot(*zip(*means, strict=True), color=COLOURS[index], linewidth=1.4, alpha=0.7)
    side = {"xytext": (-4, 7), "ha": "right"} if above else {"xytext": (5, -12), "ha": "left"}
    for number, (name, text) in enumerate(names.items()):
        _draw_point(axis, result, name, index, title if number == 0 else "_")
        axis.annotate(text, means[number], textcoords="offset points", fontsize=8, color=COLOURS[index], **side)


def _draw_point(axis: Any, result: SweepResult, name: str, index: int, title: str) -> None:
    """A mean; bars are intervals of its paired differences to REFERENCE, because seeds differ more than policies."""
    means = [result.mean(0, name, measure).mean for measure in (DELAY, ACCURACY)]
    differences = [result.difference(0, name, REFERENCE, measure) for measure in (DELAY, ACCURACY)]
    across, up = ([[one.mean - one.low], [one.high - one.mean]] for one in differences)
    style = {"color": COLOURS[index], "marker": MARKERS[index], "markersize": 6, "linestyle": "none"}
    axis.errorbar(*means, up, across, label=title, elinewidth=0.8, **style)


# Page


def _variables(results: DtoEeResults) -> dict[str, Any]:
    last_pools = _by_stage(POOLS[-1])
    return {
        "fixed_threshold": STREAMING_THRESHOLD,
        "replan_epochs": {"selfish": SELFISH_REPLAN_EPOCHS, "genetic": GENETIC_REPLAN_EPOCHS},
        "pool_rate_per_s": POOL_RATE_PER_S,
        "last_pools": last_pools,
        "pool_sizes": [sum(stage) for stage in last_pools],
        "restart_rounds": RESTART_ROUNDS,
        "disturbance": results.disturbed.disturbance,
        "saving_tables": {result.sweep.key: _saving_table(results, result) for result in results.sweeps},
        "disturbance_tables": "\n\n".join(_disturbance_tables(results.disturbed)),
        "tradeoff_table": _tradeoff_table(results),
    }


def _saving_table(results: DtoEeResults, result: SweepResult) -> str:
    """A row per baseline, a column per setting."""
    own, points = results.study.scheduler, range(len(result.sweep.points))
    rows = [
        (other, *(cell(result.saving(point, own, other, DELAY), percent) for point in points))
        for other in results.study.baselines
    ]
    return markdown_table(("baseline", *(point.label for point in result.sweep.points)), rows)


def _disturbance_tables(disturbed: Disturbed) -> Iterator[str]:
    phases = tuple(disturbed.disturbance.phases)
    for measure in (DELAY, ACCURACY):
        means = {name: [disturbed.mean(name, phase, measure) for phase in phases] for name in disturbed.totals}
        yield f"{MEASURES[measure].title} by phase:\n\n{means_table(means, phases, measure)}"


def _tradeoff_table(results: DtoEeResults) -> str:
    """A row per policy; the comparison with DTO-EE's curve stands in the rows of baselines."""
    found = competitions(results)
    rows = []
    for name, _ in results.study.tradeoff_policies:
        delay, accuracy = (results.tradeoff.mean(0, name, measure) for measure in (DELAY, ACCURACY))
        compared = ("", "")
        if name in found:
            compared = _defined(found[name].saving(), percent), _defined(found[name].gain(), _points)
        rows.append((name, cell(delay, decimals(2)), cell(accuracy, percent), *compared))
    header = ("policy", "mean delay [s]", "accuracy", "delay saved at its accuracy", "points gained at its delay")
    return markdown_table(header, rows)


def _points(number: float) -> str:
    return f"{100 * number:+.2f}"


def _defined(interval: Interval, form: Form) -> str:
    return "-" if np.isnan(interval.mean) else cell(interval, form)


def _records(results: DtoEeResults) -> dict[str, Any]:
    disturbed, tradeoff = results.disturbed, results.tradeoff
    return {
        "disturbance": [
            {"policy": name, "phase": phase}
            | {measure: asdict(disturbed.mean(name, phase, measure)) for measure in (DELAY, ACCURACY)}
            for name in disturbed.totals
            for phase in disturbed.disturbance.phases
        ],
        "tradeoff": [
            {"policy": name} | {measure: asdict(tradeoff.mean(0, name, measure)) for measure in (DELAY, ACCURACY)}
            for name, _ in results.study.tradeoff_policies
        ],
    }


REPRODUCTION: Final = Reproduction(
    study=STUDY,
    run=_run,
    claims=(_claim_less_delay, _claim_more_accuracy, _claim_better_tradeoff, _claim_adaptation),
    figures=_figures,
    variables=_variables,
    records=_records,
)
