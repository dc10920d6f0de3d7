"""Experts of batching-and-routing dynamics: who joins which batch by one scheduler, forwarding and exits by another."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.decoding.batching import Epoch
from edge_llm_gym.decoding.composite import CompositeReader, Estimate
from edge_llm_gym.decoding.exit_forecast import ExitForecast
from edge_llm_gym.experts.policy import Action, Assign, batch_action
from edge_llm_gym.experts.routing import Plan, Planner, memories_of, rows_of


class Memory(NamedTuple):
    """What an expert carries from epoch to epoch, for one row."""

    estimate: Estimate
    plan: Plan | None
    age: int  # epochs since the plan was made


class Choice(NamedTuple):
    """Batches under some thresholds."""

    value: float
    node: Array  # [n]
    epoch: Epoch
    forecast: ExitForecast
    forward: Action


class CompositeExpert:
    """A composite of two schedulers, through `predict`; what it has learned about a row travels in the state.

    First `planner` chooses offload shares and thresholds for the rates at which the entry nodes have been admitting and
    the mix of requests that confidences tell of; a plan holds for `replan_every` epochs. Then `assign` makes the
    batches of the entry nodes on the costs to expect under the plan.
    """

    def __init__(
        self,
        name: str,
        reader: CompositeReader,
        assign: Assign,
        planner: Planner,
        replan_every: int = 1,
        tries_levels: bool = False,
    ) -> None:
        if replan_every < 1:
            raise ValueError(f"replan_every must be at least 1 epoch, got {replan_every!r}")
        self.name = name
        self._reader, self._assign, self._planner, self._every = reader, assign, planner, replan_every
        self._levels = tuple(reader.threshold_levels()) if tries_levels else ()

    def predict(
        self,
        observation: Mapping[str, Array],
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[Action, list[Memory]]:
        """Action and state, for one observation or a batch. The state is a list with the memory of each row."""
        rows = rows_of(observation, "request_mask")
        self._check(rows[0])
        memories = memories_of(Memory(self._reader.first(), None, 0), len(rows), state, episode_start)
        pairs = [self._act(memory, row) for memory, row in zip(memories, rows, strict=True)]
        actions, after = [action for action, _ in pairs], [memory for _, memory in pairs]
        if np.ndim(observation["request_mask"]) == 1:
            return actions[0], after
        return {key: np.stack([action[key] for action in actions]) for key in actions[0]}, after

    def _check(self, row: Mapping[str, Array]) -> None:
        scenario = self._reader.scenario
        expected = (len(scenario.nodes), len(scenario.nodes))
        if np.shape(row["links"])[:2] != expected or np.shape(row["request_mask"]) != (scenario.slots,):
            raise ValueError(
                f"expert {self.name!r} was made for scenario {scenario.name!r} with {scenario.slots} slots and "
                f"{expected[0]} nodes, got links of shape {np.shape(row['links'])} and {np.size(row['request_mask'])} "
                f"slots; make the expert from the environment that it acts in"
            )

    def _act(self, memory: Memory, observation: Mapping[str, Array]) -> tuple[Action, Memory]:
        reader, estimate = self._reader, self._reader.notice(memory.estimate, observation)
        plan, age = memory.plan, memory.age + 1
        if plan is None or age >= self._every:
            plan, age = self._planner(reader, estimate, observation, memory.plan), 0
        choices = [self._batches(estimate, observation, plan.solution.offload, one) for one in self._thresholds(plan)]
        best = max(choices, key=lambda choice: choice.value)
        shown = np.asarray(observation["request_mask"]).astype(bool)
        after = Memory(reader.remember(estimate, best.node, best.forecast), plan, age)
        return batch_action(best.epoch, best.node, shown) | best.forward, after

    def _thresholds(self, plan: Plan) -> list[Array]:
        return [plan.threshold, *self._levels]

    def _batches(
        self, estimate: Estimate, observation: Mapping[str, Array], offload: Array, threshold: Array
    ) -> Choice:
        """The batches under a plan, and what they are expected to be worth."""
        forward = forward_action(offload, threshold, self._reader)
        rounded = (forward[key].astype(np.float64) for key in ("offload", "threshold"))
        forecast = self._reader.forecast(estimate.difficulty_shift, *rounded)
        epoch = self._reader.read_under(observation, estimate, forecast)
        node = self._assign(epoch)
        return Choice(epoch.problem.objective(node), node, epoch, forecast, forward)


def forward_action(offload: Array, threshold: Array, reader: CompositeReader) -> Action:
    """Offload [K, K] and threshold [K] of a plan: the rows of the entry nodes' own devices fall away."""
    entries = reader.scenario.network.entry_nodes.size
    return {
        "offload": np.clip(offload[entries:], 0.0, 1.0).astype(np.float32),
        "threshold": np.clip(threshold, 0.0, 1.0).astype(np.float32),
    }


class RandomComposite:
    """Random batches, weights and thresholds, a new draw each epoch; feasible or not."""

    name = "random"

    def __init__(self, reader: CompositeReader, rng: np.random.Generator) -> None:
        scenario, nodes = reader.scenario, len(reader.scenario.nodes)
        self._stations, self._slots = scenario.network.entry_nodes.size, scenario.slots
        self._shapes = {"bandwidth": (self._slots, 2), "offload": (nodes, nodes), "threshold": (nodes,)}
        self._rng = rng

    def predict(
        self,
        observation: Mapping[str, Array],
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[Action, None]:
        """Action for one observation or a batch."""
        rows = np.shape(observation["request_mask"])[:-1]
        drawn = {key: self._rng.random((*rows, *shape), np.float32) for key, shape in self._shapes.items()}
        return {"batch": self._rng.integers(self._stations + 1, size=(*rows, self._slots)), **drawn}, None
