"""Runs the sweeps of a study and holds their results."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge_llm_gym.arrays import Array
from edge_llm_gym.evaluation.compare import Comparison, compare
from edge_llm_gym.evaluation.policies import PolicyLike
from edge_llm_gym.evaluation.statistics import Interval, bootstrap_mean, paired_difference
from edge_llm_gym.evaluation.workers import Jobs, workers_of
from edge_llm_gym.scenario import load_scenario
from scripts.reproduce.measures import MEASURES
from scripts.reproduce.study import Point, Study, Sweep

Progress = Callable[[int, int], None]
"""Called with the number of finished episodes and the number of all episodes."""


@dataclass(frozen=True)
class SweepResult:
    """The comparisons of a sweep, one per setting (`point` below is the index of a setting)."""

    sweep: Sweep
    comparisons: tuple[Comparison, ...]
    epoch_s: float

    def samples(self, point: int, policy: str, measure: str) -> Array:
        """One value per seed [n] of a measure in MEASURES."""
        return MEASURES[measure].samples(self.comparisons[point], policy, self.epoch_s)

    def mean(self, point: int, policy: str, measure: str) -> Interval:
        """Mean over seeds with its 95 % interval."""
        return bootstrap_mean(self.samples(point, policy, measure))

    def best(self, point: int, policies: Sequence[str], measure: str) -> str:
        """The policy with the best mean."""
        sign = MEASURES[measure].sign
        return max(policies, key=lambda policy: sign * self.mean(point, policy, measure).mean)

    def difference(self, point: int, policy: str, other: str, measure: str) -> Interval:
        """Paired difference: `policy` minus `other`."""
        return paired_difference(self.samples(point, policy, measure), self.samples(point, other, measure))

    def lead(self, point: int, policy: str, others: Sequence[str], measure: str) -> Interval:
        """Paired difference between a policy and the best of the others."""
        return self.difference(point, policy, self.best(point, others, measure), measure)

    def saving(self, point: int, policy: str, other: str, measure: str) -> Interval:
        """Relative reduction of `policy` against `other`, computed per seed, then averaged."""
        return bootstrap_mean(1.0 - self.samples(point, policy, measure) / self.samples(point, other, measure))


@dataclass(frozen=True)
class Results:
    """Results of a study's sweeps; a study with further measurements extends it."""

    study: Study
    seeds: tuple[int, ...]
    sweeps: tuple[SweepResult, ...]


class Runner:
    """Runs sweeps of a study and counts the episodes of all its parts. Every policy sees the same seeds."""

    def __init__(self, study: Study, seeds: Sequence[int], *, jobs: Jobs = 1, progress: Progress | None = None) -> None:
        """Raises ValueError for no seeds, and for jobs as `Workers`."""
        if not seeds:
            raise ValueError("a study needs at least one seed, got none")
        self.seeds, self.workers = tuple(seeds), workers_of(jobs)
        self._study, self._progress = study, progress or (lambda done, of: None)
        self._total, self._done = len(seeds) * study.episodes_per_seed, 0

    def count_episode(self) -> None:
        """Reports one more finished episode."""
        self._done += 1
        self._progress(self._done, self._total)

    def sweeps(self) -> tuple[SweepResult, ...]:
        """Every policy of the study on every setting of its sweeps."""
        return tuple(self.sweep(sweep, self._study.policies) for sweep in self._study.sweeps)

    def sweep(self, sweep: Sweep, policies: Sequence[tuple[str, PolicyLike]]) -> SweepResult:
        """The given policies on every setting of a sweep."""
        comparisons = tuple(self._compare(point, policies) for point in sweep.points)
        return SweepResult(sweep, comparisons, load_scenario(self._study.scenario).epoch_s)

    def _compare(self, point: Point, policies: Sequence[tuple[str, PolicyLike]]) -> Comparison:
        return compare(
            self._study.environment,
            policies,
            self.seeds,
            **self._study.settings(point.overrides),
            jobs=self.workers,
            progress=lambda done, of: self.count_episode(),
        )
