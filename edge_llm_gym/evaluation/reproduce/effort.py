"""How much the schedulers search, and how near the optimum they come, on the problems of a study's epochs."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.evaluation.reproduce.batching import BatchingStudy
from edge_llm_gym.evaluation.reproduce.plain_search import plain_depth_first_nodes
from edge_llm_gym.evaluation.reproduce.problems import epoch_problems, servable
from edge_llm_gym.evaluation.statistics import Interval, bootstrap_mean
from edge_llm_gym.problems import AssignmentProblem
from edge_llm_gym.solvers import dftsp, ot_gah, reference

Record = Mapping[str, float]
"""What was measured on one epoch's problem, by name; every problem of a study has the same names."""

ENUMERABLE: Final = 16
"""Up to so many requests the brute force is run to its end, not only counted."""
MILP_LIMIT_S: Final = 20.0


@dataclass(frozen=True)
class Effort:
    """Records of one arrival rate: one per problem, listed by seed."""

    rate_per_s: float
    records: tuple[tuple[Record, ...], ...]

    @property
    def count(self) -> int:
        """Number of problems."""
        return sum(map(len, self.records))

    @property
    def figures(self) -> tuple[str, ...]:
        """Names of what was measured."""
        return tuple(next(record for seed in self.records for record in seed))

    def samples(self, name: str) -> Array:
        """One figure of every problem, seeds one after the other."""
        return np.array([record[name] for seed in self.records for record in seed])

    def total(self, name: str) -> int:
        """Sum of a figure that counts, over all problems."""
        return int(self.samples(name).sum())

    def mean(self, name: str) -> Interval:
        """Mean over seeds of a figure's mean over a seed's problems."""
        return self._mean(lambda record: record[name])

    def saved(self, name: str, against: str) -> Interval:
        """Share of the search that `name` saves against another, averaged over the problems, then over seeds."""
        return self._mean(lambda record: 1.0 - record[name] / record[against])

    def _mean(self, value: Callable[[Record], float]) -> Interval:
        """A seed without problems is left out."""
        means = [np.mean([value(record) for record in seed]) if seed else np.nan for seed in self.records]
        return bootstrap_mean(np.array(means))


def measure(study: BatchingStudy, rate_per_s: float, seeds: Sequence[int], tell: Callable[[], None]) -> Effort:
    """Measures every problem of the seeds' episodes; calls `tell` after each episode."""
    records = []
    for seed in seeds:
        problems = epoch_problems(study, rate_per_s, seed)
        records.append(tuple(map(MEASURES[study.name], problems)))
        tell()
    return Effort(rate_per_s, tuple(records))


def _single_node(problem: AssignmentProblem) -> Record:
    """Search nodes on one node's problem; `checked` and `optimal` compare with the brute force where it is run."""
    (node,) = problem.nodes
    best = dftsp.solve(node)
    checked = node.request_count <= ENUMERABLE
    requests = int(servable(node).sum())
    return {
        "requests": requests,
        "proved": best.optimal,
        "checked": checked,
        "optimal": checked and _same(best.value, reference.brute_force(node).value),
        "dftsp": best.nodes_visited,
        "depth first": plain_depth_first_nodes(node),
        "brute force": 2.0**requests,
    }


def _many_nodes(problem: AssignmentProblem) -> Record:
    """Values over the optimum (over its upper bound where the MILP ran out of time), and search nodes."""
    exact = reference.milp(problem, time_limit_s=MILP_LIMIT_S)
    plain, improved = ot_gah.solve(problem), ot_gah.solve(problem, improve=True)
    hosts = np.sum([servable(node) for node in problem.nodes], axis=0)
    return {
        "requests": int((hosts > 0).sum()),
        "proved": exact.optimal,
        "ratio": plain.value / exact.upper_bound,
        "improved ratio": improved.value / exact.upper_bound,
        "optimal": _same(plain.value, exact.upper_bound),
        "improved optimal": _same(improved.value, exact.upper_bound),
        "ot-gah": plain.nodes_visited,
        "improved": improved.nodes_visited,
        "brute force": float(np.prod(1.0 + hosts)),
    }


def _same(value: float, other: float) -> bool:
    return math.isclose(value, other, rel_tol=1e-6, abs_tol=1e-9)


MEASURES: Final[Mapping[str, Callable[[AssignmentProblem], Record]]] = MappingProxyType(
    {"dftsp": _single_node, "ot-gah": _many_nodes}
)
"""Study -> what is measured on a problem."""
