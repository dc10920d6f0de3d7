"""Runs a study: every policy on every setting of its sweeps, then what the study measures beside them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from edge_llm_gym.arrays import Array
from edge_llm_gym.evaluation.compare import Comparison, compare
from edge_llm_gym.evaluation.policies import PolicyLike
from edge_llm_gym.evaluation.reproduce.batching import BatchingStudy
from edge_llm_gym.evaluation.reproduce.disturbance import Disturbed, disturb
from edge_llm_gym.evaluation.reproduce.effort import Effort, measure
from edge_llm_gym.evaluation.reproduce.measures import MEASURES
from edge_llm_gym.evaluation.reproduce.routing import RoutingStudy
from edge_llm_gym.evaluation.reproduce.studies import Point, Study, Sweep
from edge_llm_gym.evaluation.statistics import Interval, bootstrap_mean, paired_difference
from edge_llm_gym.scenario import load_scenario

Progress = Callable[[int, int], None]
"""Called with the number of episodes done and of all."""


@dataclass(frozen=True)
class SweepResult:
    """The comparisons of a sweep, one for each of its points."""

    sweep: Sweep
    comparisons: tuple[Comparison, ...]
    epoch_s: float

    def samples(self, point: int, policy: str, measure: str) -> Array:
        """One figure per seed [n] of a measure in MEASURES."""
        return MEASURES[measure].samples(self.comparisons[point], policy, self.epoch_s)

    def mean(self, point: int, policy: str, measure: str) -> Interval:
        """Mean over seeds with its 95 % interval."""
        return bootstrap_mean(self.samples(point, policy, measure))

    def best(self, point: int, policies: Sequence[str], measure: str) -> str:
        """The policy of the best mean among some."""
        sign = MEASURES[measure].sign
        return max(policies, key=lambda policy: sign * self.mean(point, policy, measure).mean)

    def difference(self, point: int, policy: str, other: str, measure: str) -> Interval:
        """Paired difference of a policy to another."""
        return paired_difference(self.samples(point, policy, measure), self.samples(point, other, measure))

    def lead(self, point: int, policy: str, others: Sequence[str], measure: str) -> Interval:
        """Paired difference of a policy to the best of the others."""
        return self.difference(point, policy, self.best(point, others, measure), measure)

    def saving(self, point: int, policy: str, other: str, measure: str) -> Interval:
        """Share by which a policy is below another, seed by seed, then averaged."""
        return bootstrap_mean(1.0 - self.samples(point, policy, measure) / self.samples(point, other, measure))


@dataclass(frozen=True)
class Reproduction:
    """What a study's sweeps found."""

    study: Study
    seeds: tuple[int, ...]
    sweeps: tuple[SweepResult, ...]


@dataclass(frozen=True)
class BatchingReproduction(Reproduction):
    """All that a batching study found."""

    study: BatchingStudy
    effort: tuple[Effort, ...]


@dataclass(frozen=True)
class RoutingReproduction(Reproduction):
    """All that a study of streams found. `tradeoff` is a sweep of one setting, with the trade-off's policies."""

    study: RoutingStudy
    disturbed: Disturbed
    tradeoff: SweepResult


def reproduce(study: Study, seeds: Sequence[int], *, jobs: int = 1, progress: Progress | None = None) -> Reproduction:
    """Runs a study on common tapes.

    Raises ValueError for no seeds, for fewer than one job, and where no epoch poses a problem to measure effort on.
    """
    if not seeds or jobs < 1:
        raise ValueError(f"a study needs at least one seed and one job, got {len(seeds)} seeds and {jobs} jobs")
    runner = Runner(study, tuple(seeds), jobs, progress or (lambda done, of: None))
    sweeps = tuple(runner.sweep(sweep, study.policies) for sweep in study.sweeps)
    if isinstance(study, BatchingStudy):
        return BatchingReproduction(study, runner.seeds, sweeps, _effort(study, runner))
    assert isinstance(study, RoutingStudy)
    return _routed(study, sweeps, runner)


def _effort(study: BatchingStudy, runner: "Runner") -> tuple[Effort, ...]:
    measured = [measure(study, rate, runner.seeds, runner.tell) for rate in study.effort_rates]
    effort = tuple(one for one in measured if one.count)
    if not effort:
        raise ValueError(
            f"no epoch of {len(runner.seeds)} short episodes had a request that could be served; use more seeds"
        )
    return effort


TRADEOFF: Final = Sweep("tradeoff", "Delay against accuracy", "", (Point("the scenario as it is", {}),), numeric=False)


def _routed(study: RoutingStudy, sweeps: tuple[SweepResult, ...], runner: "Runner") -> RoutingReproduction:
    disturbed = disturb(study, runner.seeds, runner.jobs, runner.tell)
    tradeoff = runner.sweep(TRADEOFF, study.tradeoff_policies)
    return RoutingReproduction(study, runner.seeds, sweeps, disturbed, tradeoff)


class Runner:
    """Runs sweeps of a study, and counts episodes over all its parts."""

    def __init__(self, study: Study, seeds: tuple[int, ...], jobs: int, progress: Progress) -> None:
        self.seeds, self.jobs = seeds, jobs
        self._study, self._progress = study, progress
        self._total, self._done = len(seeds) * study.episodes_per_seed, 0

    def tell(self) -> None:
        """One more episode is done."""
        self._done += 1
        self._progress(self._done, self._total)

    def sweep(self, sweep: Sweep, policies: Sequence[tuple[str, PolicyLike]]) -> SweepResult:
        """Every policy on every setting."""
        comparisons = tuple(self._compare(point, policies) for point in sweep.points)
        return SweepResult(sweep, comparisons, load_scenario(self._study.scenario).epoch_s)

    def _compare(self, point: Point, policies: Sequence[tuple[str, PolicyLike]]) -> Comparison:
        study = self._study
        settings = study.settings(point.overrides)
        return compare(
            study.environment, policies, self.seeds, **settings, jobs=self.jobs, progress=lambda done, of: self.tell()
        )
