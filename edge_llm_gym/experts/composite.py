"""Experts of batching-and-routing dynamics: a planner for offload and thresholds, a scheduler for the batches."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.decoding.batching import EpochProblem
from edge_llm_gym.decoding.composite import CompositeReader
from edge_llm_gym.decoding.exit_forecast import ExitForecast
from edge_llm_gym.decoding.load_estimate import LoadEstimate, with_assignment
from edge_llm_gym.experts.batch_expert import Assign, batch_action
from edge_llm_gym.experts.planners import Plan, Planner
from edge_llm_gym.experts.planning import PlanMemory, PlanSchedule
from edge_llm_gym.experts.policy import Action, Observation, RowPolicy


@dataclass(frozen=True)
class CompositeParts:
    """The two schedulers of a composite expert, and how they are used."""

    assign: Assign
    """Forms the batches of the entry nodes."""
    planner: Planner
    """Sets offload shares and thresholds."""
    replan_every: int = 1
    """Number of epochs that a plan holds."""
    tries_levels: bool = False
    """Whether batches are also formed under the candidate thresholds of the reader, and the best are kept."""


class Candidate(NamedTuple):
    """Batches under one choice of thresholds."""

    value: float
    node: Array  # [n]
    epoch: EpochProblem
    forecast: ExitForecast
    forward: Action


class CompositeExpert(RowPolicy):
    """Plans offload shares and thresholds, then forms batches on the expected costs under the plan.

    The planner takes the rates at which the entry nodes have admitted requests, and the difficulty mix that explains
    the observed confidences. Each row has its own memory.
    """

    def __init__(self, name: str, reader: CompositeReader, parts: CompositeParts) -> None:
        super().__init__(name, reader.scenario)
        self._reader, self._assign = reader, parts.assign
        self._schedule = PlanSchedule(reader, parts.planner, parts.replan_every)
        self._levels = tuple(reader.threshold_levels()) if parts.tries_levels else ()

    def initial_memory(self) -> PlanMemory:
        """No plan, and the scenario's mean loads."""
        return PlanMemory(self._reader.initial_estimate(), None, 0)

    def act(self, observation: Observation, memory: PlanMemory) -> tuple[Action, PlanMemory]:
        """All four parts of the action for the observation of one row."""
        estimate = self._reader.update(memory.estimate, observation)
        plan, age = self._schedule.advance(memory, estimate, observation)
        best = max(self._candidates(estimate, observation, plan), key=lambda candidate: candidate.value)
        visible = np.asarray(observation["request_mask"]).astype(bool)
        after = PlanMemory(with_assignment(estimate, best.node, best.forecast), plan, age)
        return batch_action(best.epoch, best.node, visible) | best.forward, after

    def _candidates(self, estimate: LoadEstimate, observation: Observation, plan: Plan) -> list[Candidate]:
        """Batches under the thresholds of the plan and under the candidate levels."""
        thresholds = [plan.threshold, *self._levels]
        return [self._candidate(estimate, observation, plan.solution.offload, one) for one in thresholds]

    def _candidate(
        self, estimate: LoadEstimate, observation: Observation, offload: Array, threshold: Array
    ) -> Candidate:
        forward = forward_action(offload, threshold, self.scenario.network.entry_nodes.size)
        # The forecast takes the numbers as the environment will: rounded to float32.
        rounded = (forward[key].astype(np.float64) for key in ("offload", "threshold"))
        forecast = self._reader.forecast(estimate.difficulty_shift, *rounded)
        epoch = self._reader.expected_epoch(observation, estimate, forecast)
        node = self._assign(epoch)
        return Candidate(epoch.problem.objective(node), node, epoch, forecast, forward)


def forward_action(offload: Array, threshold: Array, devices: int) -> Action:
    """Offload [K, K] and threshold [K] of a plan [devices + K, K], without the rows of the devices."""
    return {
        "offload": np.clip(offload[devices:], 0.0, 1.0).astype(np.float32),
        "threshold": np.clip(threshold, 0.0, 1.0).astype(np.float32),
    }
