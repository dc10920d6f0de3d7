"""Runs a study: every policy on every setting of its sweeps, then the search effort."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from edge_llm_gym.evaluation.compare import Comparison, compare
from edge_llm_gym.evaluation.reproduce.effort import Effort, measure
from edge_llm_gym.evaluation.reproduce.studies import Study, Sweep
from edge_llm_gym.evaluation.statistics import Interval, bootstrap_mean, paired_difference
from edge_llm_gym.sim.loading import load_scenario
from edge_llm_gym.sim.state import Array

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
        return MEASURES[measure](self.comparisons[point], policy, self.epoch_s)

    def mean(self, point: int, policy: str, measure: str) -> Interval:
        """Mean over seeds with its 95 % interval."""
        return bootstrap_mean(self.samples(point, policy, measure))

    def best(self, point: int, policies: Sequence[str]) -> str:
        """The policy of the highest mean throughput among some."""
        return max(policies, key=lambda policy: self.mean(point, policy, THROUGHPUT).mean)

    def lead(self, point: int, policy: str, others: Sequence[str]) -> Interval:
        """Paired throughput difference of a policy to the best of the others."""
        rival = self.best(point, others)
        return paired_difference(self.samples(point, policy, THROUGHPUT), self.samples(point, rival, THROUGHPUT))


@dataclass(frozen=True)
class Reproduction:
    """All that a study found."""

    study: Study
    seeds: tuple[int, ...]
    sweeps: tuple[SweepResult, ...]
    effort: tuple[Effort, ...]


def _served_per_second(comparison: Comparison, policy: str, epoch_s: float) -> Array:
    served = comparison.samples(policy, "on_time") * comparison.samples(policy, "arrived")
    return served / (comparison.samples(policy, "steps") * epoch_s)


def _served_share(comparison: Comparison, policy: str, epoch_s: float) -> Array:
    return comparison.samples(policy, "on_time")


THROUGHPUT, SHARE = "throughput", "served share"
MEASURES: Mapping[str, Callable[[Comparison, str, float], Array]] = {
    THROUGHPUT: _served_per_second,
    SHARE: _served_share,
}
"""Measure -> its samples. Throughput counts the requests served in time and well enough, per second."""


def reproduce(study: Study, seeds: Sequence[int], *, jobs: int = 1, progress: Progress | None = None) -> Reproduction:
    """Runs a study on common tapes.

    Raises ValueError for no seeds, for fewer than one job, and where no epoch poses a problem to measure effort on.
    """
    if not seeds or jobs < 1:
        raise ValueError(f"a study needs at least one seed and one job, got {len(seeds)} seeds and {jobs} jobs")
    counter = _Counter(study, len(seeds), progress or (lambda done, of: None))
    sweeps = tuple(_run_sweep(study, sweep, seeds, jobs, counter) for sweep in study.sweeps)
    measured = [measure(study, rate, seeds, counter.tell) for rate in study.effort_rates]
    effort = tuple(one for one in measured if one.count)
    if not effort:
        raise ValueError(f"no epoch of {len(seeds)} short episodes had a request that could be served; use more seeds")
    return Reproduction(study, tuple(seeds), sweeps, effort)


def _run_sweep(study: Study, sweep: Sweep, seeds: Sequence[int], jobs: int, counter: "_Counter") -> SweepResult:
    comparisons = tuple(
        compare(
            study.environment,
            study.policies,
            seeds,
            **study.settings(point.overrides),
            jobs=jobs,
            progress=lambda done, of: counter.tell(),
        )
        for point in sweep.points
    )
    return SweepResult(sweep, comparisons, load_scenario(study.scenario).epoch_s)


class _Counter:
    """Counts episodes over all parts of a study."""

    def __init__(self, study: Study, seeds: int, progress: Progress) -> None:
        points = sum(len(sweep.points) for sweep in study.sweeps)
        self._total = seeds * (points * len(study.policies) + len(study.effort_rates))
        self._done = 0
        self._progress = progress

    def tell(self) -> None:
        """One more episode is done."""
        self._done += 1
        self._progress(self._done, self._total)
