"""Planners: offload shares and exit thresholds from a routing problem, by DTO-EE or by a baseline."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol, TypeVar

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.decoding.wait_factors import Routed
from edge_llm_gym.problems.routing import RoutingProblem
from edge_llm_gym.solvers import dto_ee, routing_baselines
from edge_llm_gym.solvers.solutions import RoutingSolution

INNER_THRESHOLDS: Final = (0.3, 0.45, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Thresholds that DTO-EE tries at the exits inside the nodes of the last stage."""
DTO_EE_ROUNDS: Final = 30
"""Default limit on the rounds of one run of DTO-EE."""


class Plan(NamedTuple):
    """A solution of the routing problem, with the thresholds of all nodes."""

    solution: RoutingSolution
    threshold: Array  # [K] float64
    inner_level: int  # index into INNER_THRESHOLDS
    problem: RoutingProblem  # which the solution solves

    @property
    def routed(self) -> Routed:
        """How requests pass through the network under the plan."""
        problem, solution = self.problem, self.solution
        onward = solution.pass_ratio[:, None] * solution.offload[problem.device_count :]
        return Routed(onward, problem.service_s, problem.service_sq_s2)


EstimateT = TypeVar("EstimateT", contravariant=True)


class RoutingReader(Protocol[EstimateT]):
    """Converts an estimate and an observation of one row into a routing problem."""

    def routing_problem(
        self, estimate: EstimateT, observation: Mapping[str, Array], inner_threshold: float
    ) -> RoutingProblem:
        """The routing problem; `inner_threshold` applies to the exits inside the nodes of the last stage."""
        ...


class Planner(Protocol):
    """Makes a plan from an estimate and an observation."""

    def __call__(
        self, reader: RoutingReader[Any], estimate: Any, observation: Mapping[str, Array], previous: Plan | None
    ) -> Plan:
        """A plan; `previous` is the plan in use, if any."""
        ...


@dataclass(frozen=True)
class DtoEe:
    """DTO-EE, started from the previous plan's shares and thresholds.

    The routing problem does not model the exits inside the nodes of the last stage. Their threshold moves by at most
    one level per plan, to the level of the best utility; the first plan tries all levels.
    """

    max_rounds: int = DTO_EE_ROUNDS

    def __call__(
        self, reader: RoutingReader[Any], estimate: Any, observation: Mapping[str, Array], previous: Plan | None
    ) -> Plan:
        """A plan."""
        start = None if previous is None else previous.solution
        plans = []
        for level in _neighbouring_levels(previous):
            problem = reader.routing_problem(estimate, observation, INNER_THRESHOLDS[level])
            solution = dto_ee.solve(problem, start, max_rounds=self.max_rounds)
            threshold = with_inner_threshold(solution, problem.is_last, INNER_THRESHOLDS[level])
            plans.append(Plan(solution, threshold, level, problem))
        return max(plans, key=lambda plan: (plan.solution.stable, plan.solution.utility_s))


def _neighbouring_levels(previous: Plan | None) -> range:
    if previous is None:
        return range(len(INNER_THRESHOLDS))
    return range(max(previous.inner_level - 1, 0), min(previous.inner_level + 2, len(INNER_THRESHOLDS)))


@dataclass(frozen=True)
class Baseline:
    """A baseline of `edge_llm_gym.solvers.routing_baselines`; `threshold` serves those that optimise none."""

    name: str
    rng: np.random.Generator
    threshold: float

    def __call__(
        self, reader: RoutingReader[Any], estimate: Any, observation: Mapping[str, Array], previous: Plan | None
    ) -> Plan:
        """A plan."""
        problem = reader.routing_problem(estimate, observation, self.threshold)
        solution = routing_baselines.solve(self.name, problem, self.rng, self.threshold)
        return Plan(solution, with_inner_threshold(solution, problem.is_last, self.threshold), 0, problem)


def with_inner_threshold(solution: RoutingSolution, is_last: Array, inner_threshold: float) -> Array:
    """[K] thresholds in [0, 1]: those of the solution, and `inner_threshold` at the nodes of the last stage."""
    assert solution.threshold is not None
    return np.where(is_last, inner_threshold, np.clip(solution.threshold, 0.0, 1.0))
