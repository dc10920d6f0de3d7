"""Claims on DTO-EE: less delay, more accuracy, a better trade-off, and composure where the environment changes."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.evaluation.reproduce.disturbance import Disturbed
from edge_llm_gym.evaluation.reproduce.frontier import Rivalry
from edge_llm_gym.evaluation.reproduce.measures import ACCURACY, DELAY
from edge_llm_gym.evaluation.reproduce.routing import PLANNED_ONCE, RESTARTED, threshold_name, weight_name
from edge_llm_gym.evaluation.reproduce.run import RoutingReproduction
from edge_llm_gym.evaluation.reproduce.verdict import DISAGREES, Claim, verdict
from edge_llm_gym.evaluation.statistics import Interval, bootstrap_mean

CLAIMED_SAVING: Final = 0.21, 0.41
CLAIMED_GAIN: Final = 0.01, 0.04
RESTART_LOSS: Final = 0.05
"""Share by which delays may lie above those of a scheduler that starts anew each epoch and still count as absorbed."""


def _saves_delay(run: RoutingReproduction) -> Claim:
    least, most = CLAIMED_SAVING
    savings = _by_baseline(run, lambda result, point, rival: result.saving(point, run.study.scheduler, rival, DELAY))
    means = np.array([[one.mean for one in row] for row in savings.values()])
    evidence = (
        f"It saves at least {100 * least:.0f} % in {(means >= least).sum()} of {means.size} pairs of a setting and a "
        f"baseline, over {100 * most:.0f} % in {(means > most).sum()} of them, and is slower in {(means < 0).sum()}. "
        f"By baseline, from its worst setting to its best: {_ranges(savings, '%')}."
    )
    text = f"{run.study.label} answers with {100 * least:.0f} to {100 * most:.0f} % less mean delay than its baselines."
    return Claim(text, _balance(means, least), evidence)


def _gains_accuracy(run: RoutingReproduction) -> Claim:
    least, most = CLAIMED_GAIN
    gains = _by_baseline(
        run, lambda result, point, rival: result.difference(point, run.study.scheduler, rival, ACCURACY)
    )
    means = np.array([[one.mean for one in row] for row in gains.values()])
    evidence = (
        f"Paired differences are at least {100 * least:.0f} point in {(means >= least).sum()} of {means.size} pairs of "
        f"a setting and a baseline, and below 0 in {(means < 0).sum()}. By baseline: {_ranges(gains, 'points')}. "
        f"The baselines' threshold is tuned for this scenario, and where requests leave depends on thresholds alone."
    )
    text = f"{run.study.label} is {100 * least:.0f} to {100 * most:.0f} points more accurate than its baselines."
    return Claim(text, _balance(means, least), evidence)


def _balance(means: Array, least: float) -> str:
    """Whether differences are as great as claimed; more of them the wrong way round than so great is disagreement."""
    good = int((means >= least).sum())
    return DISAGREES if good < (means < 0).sum() else verdict(good, means.size)


def _by_baseline(run: RoutingReproduction, compared: Callable[..., Interval]) -> dict[str, list[Interval]]:
    """Baseline -> what is compared, at every setting of every sweep."""
    return {
        rival: [compared(result, point, rival) for result in run.sweeps for point in range(len(result.sweep.points))]
        for rival in run.study.baselines
    }


def _ranges(rows: Mapping[str, Iterable[Interval]], unit: str) -> str:
    """Ranges by name; those of the same range together."""
    names: dict[str, list[str]] = {}
    for name, row in rows.items():
        names.setdefault(_range(row), []).append(name)
    return "; ".join(f"{', '.join(alike)} {ends} {unit}" for ends, alike in names.items())


def rivalries(run: RoutingReproduction) -> dict[str, Rivalry]:
    """Every point of the trade-off that is not the scheduler's own, against the scheduler at all its weights."""
    study, result = run.study, run.tradeoff
    weights = [weight_name(weight_s) for weight_s in study.weights_s]
    delay_s, accuracy = (
        np.stack([result.samples(0, name, measure) for name in weights], axis=1) for measure in (DELAY, ACCURACY)
    )
    return {
        rival: Rivalry(delay_s, accuracy, result.samples(0, rival, DELAY), result.samples(0, rival, ACCURACY))
        for rival in (*map(threshold_name, study.thresholds), *study.tradeoff_points)
    }


def _trades_off(run: RoutingReproduction) -> Claim:
    found = {name: (rivalry.saving(), rivalry.gain()) for name, rivalry in rivalries(run).items()}
    better = [name for name, ends in found.items() if any(one.low > 0 for one in ends)]
    worse = [name for name, ends in found.items() if any(one.high < 0 for one in ends)]
    savings, gains = ([ends[side] for ends in found.values()] for side in (0, 1))
    evidence = (
        f"Over its accuracy weights it is faster at equal accuracy, or more accurate at equal delay, than "
        f"{len(better)} of {len(found)} points of baselines by a 95 % interval above 0, and the other way round for "
        f"{len(worse)}. At equal accuracy it saves {_range(savings)} % of the delay; at equal delay it gains "
        f"{_range(gains)} points."
    )
    text = f"{run.study.label} trades delay off against accuracy better than its baselines do."
    return Claim(text, verdict(len(better), len(found)), evidence)


def _range(row: Iterable[Interval]) -> str:
    """From the least mean to the greatest, times 100, of those there are."""
    means = [100 * one.mean for one in row if not np.isnan(one.mean)]
    return f"{min(means):.1f} to {max(means):.1f}" if means else "nothing comparable,"


def _adapts(run: RoutingReproduction) -> Claim:
    disturbed, own, rivals = run.disturbed, run.study.scheduler, run.study.baselines
    ahead = sum(_lead_s(disturbed, own, rival).low > 0 for rival in rivals)
    losses = [_loss(disturbed, own, phase) for phase in ("slowed", "after")]
    delay_s = {name: bootstrap_mean(disturbed.delay_s(name, "slowed")).mean for name in disturbed.traces}
    sure = {name: 100 * bootstrap_mean(disturbed.accuracy(name, "slowed")).mean for name in rivals}
    own_sure = 100 * bootstrap_mean(disturbed.accuracy(own, "slowed")).mean
    evidence = (
        f"While {disturbed.disturbance.node_name} is slow, its mean delay is {delay_s[own]:.2f} s, below {ahead} of "
        f"{len(rivals)} baselines by a paired 95 % interval, at an accuracy of {own_sure:.1f} %; theirs are "
        f"{min(sure.values()):.1f} to {max(sure.values()):.1f} %. Going on from the last plan costs "
        f"{100 * losses[0]:+.1f} % of delay against starting anew each epoch, {100 * losses[1]:+.1f} % afterwards; one "
        f"plan for all time has {delay_s[PLANNED_ONCE]:.1f} s."
    )
    text = f"{run.study.label} copes with a changing environment; here it must do so without a restart."
    good = ahead + sum(loss <= RESTART_LOSS for loss in losses)
    return Claim(text, verdict(good, len(rivals) + len(losses)), evidence)


def _lead_s(disturbed: Disturbed, own: str, rival: str) -> Interval:
    """By how much a rival's mean delay is greater while the node is slow."""
    return bootstrap_mean(disturbed.delay_s(rival, "slowed") - disturbed.delay_s(own, "slowed"))


def _loss(disturbed: Disturbed, own: str, phase: str) -> float:
    """Share of delay that going on costs against starting anew, mean over seeds."""
    return bootstrap_mean(disturbed.delay_s(own, phase) / disturbed.delay_s(RESTARTED, phase) - 1.0).mean


ROUTING_CLAIMS: Final[Mapping[str, tuple[Callable[[RoutingReproduction], Claim], ...]]] = MappingProxyType(
    {"dto-ee": (_saves_delay, _gains_accuracy, _trades_off, _adapts)}
)
"""Study -> the claims that it judges."""
