"""Experts of streaming dynamics: DTO-EE and its baselines on the routing problem that they read off observations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.decoding.streaming import Estimate, StreamingReader
from edge_llm_gym.experts.policy import Action
from edge_llm_gym.problems.routing import RoutingProblem
from edge_llm_gym.solvers import dto_ee, routing_baselines
from edge_llm_gym.solvers.solutions import RoutingSolution

INNER_LEVELS = (0.3, 0.45, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Thresholds that DTO-EE tries at the exits inside the last stage's nodes."""


class Plan(NamedTuple):
    """What to do until the next plan: the solution, the thresholds of all nodes, and the place among INNER_LEVELS."""

    solution: RoutingSolution
    threshold: Array  # [K]
    inner: int


class Memory(NamedTuple):
    """What an expert carries from epoch to epoch, for one row."""

    estimate: Estimate
    plan: Plan | None
    age: int  # epochs since the plan was made


EstimateT = TypeVar("EstimateT", contravariant=True)


class RoutingReader(Protocol[EstimateT]):
    """Turns what is believed and observed of one row into a routing problem."""

    def problem(self, estimate: EstimateT, observation: Mapping[str, Array], inner: float) -> RoutingProblem:
        """The routing problem, with `inner` as the threshold of the exits inside the last stage's nodes."""
        ...


class Planner(Protocol):
    """Makes a plan of an estimate and an observation; `before` is the plan that has been followed so far, if any."""

    def __call__(
        self, reader: RoutingReader[Any], estimate: Any, observation: Mapping[str, Array], before: Plan | None
    ) -> Plan:
        """A plan."""
        ...


@dataclass(frozen=True)
class DtoEe:
    """DTO-EE from where it stood: shares and thresholds go on from the last plan.

    At the exits inside the last stage's nodes, which the routing problem does not know, it looks one level up and one
    down and keeps the best utility; the first plan tries all of them.
    """

    max_rounds: int = 30

    def __call__(
        self, reader: RoutingReader[Any], estimate: Any, observation: Mapping[str, Array], before: Plan | None
    ) -> Plan:
        """A plan."""
        levels = range(len(INNER_LEVELS))
        if before is not None:
            levels = range(max(before.inner - 1, 0), min(before.inner + 2, len(INNER_LEVELS)))
        plans = [self._at_level(reader, estimate, observation, before, level) for level in levels]
        return max(plans, key=lambda plan: (plan.solution.stable, plan.solution.utility_s))

    def _at_level(
        self,
        reader: RoutingReader[Any],
        estimate: Any,
        observation: Mapping[str, Array],
        before: Plan | None,
        level: int,
    ) -> Plan:
        problem = reader.problem(estimate, observation, INNER_LEVELS[level])
        start = None if before is None else before.solution
        found = dto_ee.solve(problem, start, max_rounds=self.max_rounds)
        return Plan(found, with_inner(found, problem.is_last, INNER_LEVELS[level]), level)


@dataclass(frozen=True)
class Baseline:
    """A baseline of `solvers.routing_baselines`; `threshold` serves those that do not choose any."""

    name: str
    rng: np.random.Generator
    threshold: float

    def __call__(
        self, reader: RoutingReader[Any], estimate: Any, observation: Mapping[str, Array], before: Plan | None
    ) -> Plan:
        """A plan."""
        problem = reader.problem(estimate, observation, self.threshold)
        found = routing_baselines.solve(self.name, problem, self.rng, self.threshold)
        return Plan(found, with_inner(found, problem.is_last, self.threshold), 0)


def with_inner(found: RoutingSolution, is_last: Array, inner: float) -> Array:
    """[K] thresholds in [0, 1]: those of the solution, and `inner` at the nodes that answer everybody."""
    assert found.threshold is not None
    return np.where(is_last, inner, np.clip(found.threshold, 0.0, 1.0))


class RoutingExpert:
    """A scheduler of streams, through `predict`: what it has learned about a row travels in the state.

    A plan holds for `replan_every` epochs. Without a state, and where an episode starts, it begins with the scenario's
    mean rates.
    """

    def __init__(self, name: str, reader: StreamingReader, planner: Planner, replan_every: int = 1) -> None:
        if replan_every < 1:
            raise ValueError(f"replan_every must be at least 1 epoch, got {replan_every!r}")
        self.name = name
        self._reader, self._planner, self._every = reader, planner, replan_every

    def predict(
        self,
        observation: Mapping[str, Array],
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[Action, list[Memory]]:
        """Action and state, for one observation or a batch. The state is a list with the memory of each row."""
        rows = rows_of(observation, "backlog")
        self._check(rows)
        memories = memories_of(Memory(self._reader.first(), None, 0), len(rows), state, episode_start)
        after = [self._advance(memory, row) for memory, row in zip(memories, rows, strict=True)]
        actions = [_action(memory.plan) for memory in after if memory.plan is not None]
        if np.ndim(observation["backlog"]) == 1:
            return actions[0], after
        return {key: np.stack([action[key] for action in actions]) for key in actions[0]}, after

    def _check(self, rows: Sequence[Mapping[str, Array]]) -> None:
        expected = (self._reader.scenario.devices.count, self._reader.constants.network.entry_nodes.size, 2)
        received = np.shape(rows[0]["spectral_efficiency"])
        if received != expected:
            raise ValueError(
                f"expert {self.name!r} was made for scenario {self._reader.scenario.name!r} with spectral_efficiency "
                f"of shape {expected}, got {received}; make the expert from the environment that it acts in"
            )

    def _advance(self, memory: Memory, observation: Mapping[str, Array]) -> Memory:
        estimate = self._reader.update(memory.estimate, observation)
        if memory.plan is not None and memory.age + 1 < self._every:
            return Memory(estimate, memory.plan, memory.age + 1)
        return Memory(estimate, self._planner(self._reader, estimate, observation, memory.plan), 0)


class RandomRouting:
    """Random weights and thresholds, a new draw each epoch."""

    name = "random"

    def __init__(self, reader: StreamingReader, rng: np.random.Generator) -> None:
        nodes, devices = len(reader.scenario.nodes), reader.scenario.devices.count
        self._shapes = {"offload": (devices + nodes, nodes), "threshold": (nodes,)}
        self._rng = rng

    def predict(
        self,
        observation: Mapping[str, Array],
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[Action, None]:
        """Action for one observation or a batch."""
        rows = np.shape(observation["backlog"])[:-1]
        return {key: self._rng.random((*rows, *shape), np.float32) for key, shape in self._shapes.items()}, None


def memories_of(fresh: Any, rows: int, state: Any, episode_start: Any) -> list[Any]:
    """The memory of every row; a fresh one where an episode starts. Raises ValueError for another number of rows."""
    if state is None:
        return [fresh] * rows
    if len(state) != rows:
        raise ValueError(f"the state must hold the memory of {rows} rows, got {len(state)}; pass what predict gave")
    starts = np.zeros(rows, np.bool_) if episode_start is None else np.broadcast_to(episode_start, rows)
    return [fresh if start else memory for memory, start in zip(state, starts, strict=True)]


def rows_of(observation: Mapping[str, Array], key: str) -> list[Mapping[str, Array]]:
    """The rows of a batch of observations, or the single one; `key` names one of a vector for each row."""
    if np.ndim(observation[key]) == 1:
        return [observation]
    return [{name: value[row] for name, value in observation.items()} for row in range(len(observation[key]))]


def _action(plan: Plan) -> Action:
    return {
        "offload": np.clip(plan.solution.offload, 0.0, 1.0).astype(np.float32),
        "threshold": np.clip(plan.threshold, 0.0, 1.0).astype(np.float32),
    }
