"""Measures the search effort of solvers on the problems that the epochs of a study pose."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import gymnasium
import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.decoding.batching import BatchingReader
from edge_llm_gym.evaluation.policies import PolicySource
from edge_llm_gym.evaluation.rollout import run_episode
from edge_llm_gym.evaluation.statistics import Interval, bootstrap_mean
from edge_llm_gym.problems import AssignmentProblem
from edge_llm_gym.scenario import scenario_of
from scripts.reproduce.study import RATE, Study

Record = Mapping[str, float]
"""Quantities measured on one epoch's problem, by name; all problems of a study have the same names."""
Measurement = Callable[[AssignmentProblem], Record]


@dataclass(frozen=True)
class Effort:
    """Records of one arrival rate: one per problem, grouped by seed."""

    rate_per_s: float
    records: tuple[tuple[Record, ...], ...]

    @property
    def count(self) -> int:
        """Number of problems."""
        return sum(map(len, self.records))

    @property
    def quantities(self) -> tuple[str, ...]:
        """Names of the measured quantities."""
        return tuple(next(record for seed in self.records for record in seed))

    def samples(self, name: str) -> Array:
        """One value per problem, in the order of the seeds."""
        return np.array([record[name] for seed in self.records for record in seed])

    def total(self, name: str) -> int:
        """Sum over all problems."""
        return int(self.samples(name).sum())

    def mean(self, name: str) -> Interval:
        """Mean over the problems of a seed, then over seeds."""
        return self._mean(lambda record: record[name])

    def saved(self, name: str, reference: str) -> Interval:
        """Relative reduction of `name` against `reference`, averaged over the problems of a seed, then over seeds."""
        return self._mean(lambda record: 1.0 - record[name] / record[reference])

    def as_record(self) -> dict[str, Any]:
        """Rate, number of problems and the mean of every quantity, for the JSON file."""
        means = {name: asdict(self.mean(name)) for name in self.quantities}
        return {"rate_per_s": self.rate_per_s, "problems": self.count, "means": means}

    def _mean(self, value: Callable[[Record], float]) -> Interval:
        """Seeds without problems are left out."""
        means = [np.mean([value(record) for record in seed]) if seed else np.nan for seed in self.records]
        return bootstrap_mean(np.array(means))


def measure_effort(problems: Iterable[Sequence[AssignmentProblem]], rate_per_s: float, measured: Measurement) -> Effort:
    """Applies a measurement to the problems of each seed."""
    return Effort(rate_per_s, tuple(tuple(map(measured, seed)) for seed in problems))


def epoch_problems(study: Study, rate_per_s: float, seed: int, every: int = 1) -> list[AssignmentProblem]:
    """Problems of every `every`-th epoch of an episode under the study's scheduler.

    Problems without a servable request are left out.
    """
    env = gymnasium.make(study.environment, **study.settings({RATE: rate_per_s}))
    reader = BatchingReader(scenario_of(env))
    observations: list[Any] = []
    scheduler = PolicySource(study.scheduler, dict(study.policies)[study.scheduler])
    run_episode(env, scheduler.make(env, seed), seed, watch=lambda _, seen, action: observations.append(seen))
    problems = (reader.read(seen).problem for seen in observations[::every])
    return [problem for problem in problems if any(node.feasible_alone().any() for node in problem.nodes)]


def same_value(value: float, other: float) -> bool:
    """Whether two objective values are equal up to rounding."""
    return math.isclose(value, other, rel_tol=1e-6, abs_tol=1e-9)
