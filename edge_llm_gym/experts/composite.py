"""Experts of batching-and-routing dynamics: a planner for offload and thresholds, a scheduler for the batches."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.decoding.assignment import with_least_shares
from edge_llm_gym.decoding.batching import BatchingArrays
from edge_llm_gym.decoding.composite import CompositeReader
from edge_llm_gym.decoding.load_estimate import LoadEstimate, with_assignment
from edge_llm_gym.experts.batch_expert import Assign
from edge_llm_gym.experts.planners import Planner
from edge_llm_gym.experts.planning import PlanMemory, PlanSchedule
from edge_llm_gym.experts.policy import Action, BatchPolicy, Memory, Observation
from edge_llm_gym.problems.rows import objectives
from edge_llm_gym.rows import split_rows


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
    """Batches of R rows under one choice of thresholds in each."""

    value: Array  # [R] objective
    node: Array  # [R, N]
    offload: Array  # [R, K, K] float32
    threshold: Array  # [R, K] float32
    reach_probability: Array  # [R, K1, K] of reaching each deeper node


class CompositeExpert(BatchPolicy):
    """Plans offload shares and thresholds, then forms batches on the expected costs under the plan.

    The planner takes the rates at which the entry nodes have admitted requests, and the difficulty mix that explains
    the observed confidences. Each row has its own memory. Plans are made row by row, batches for all rows at once.
    """

    def __init__(self, name: str, reader: CompositeReader, parts: CompositeParts) -> None:
        super().__init__(name, reader.scenario)
        self._reader, self._assign = reader, parts.assign
        self._schedule = PlanSchedule(reader, parts.planner, parts.replan_every)
        self._levels = tuple(reader.threshold_levels()) if parts.tries_levels else ()

    @property
    def independent_rows(self) -> bool:
        """True: its schedulers and planners are deterministic."""
        return True

    def initial_memory(self) -> PlanMemory:
        """No plan, and the scenario's mean loads."""
        return PlanMemory(self._reader.initial_estimate(), None, 0)

    def act_rows(self, observation: Observation, memory: Memory, deterministic: bool) -> tuple[Action, Memory]:
        """All four parts of the actions of R rows."""
        assert memory is not None
        planned = [self._planned(*pair) for pair in zip(split_rows(observation), memory, strict=True)]
        rows = self._reader.read_rows(observation)
        best = _best(self._candidates(rows, observation, planned))
        after = [
            one._replace(estimate=with_assignment(one.estimate, *pair))
            for one, *pair in zip(planned, best.node, best.reach_probability, strict=True)
        ]
        forward = {"offload": best.offload, "threshold": best.threshold}
        return with_least_shares(best.node, rows) | forward, after

    def _planned(self, observation: Observation, memory: PlanMemory) -> PlanMemory:
        """The estimate of one row after an observation, and the plan of its epoch."""
        estimate = self._reader.update(memory.estimate, observation)
        return PlanMemory(estimate, *self._schedule.advance(memory, estimate, observation))

    def _candidates(
        self, rows: BatchingArrays, observation: Observation, planned: list[PlanMemory]
    ) -> Iterator[Candidate]:
        """Batches under the thresholds of the plans and under the candidate levels."""
        plans = [one.plan for one in planned if one.plan is not None]
        offload = np.stack([plan.solution.offload for plan in plans])
        own = np.stack([plan.threshold for plan in plans])
        for threshold in (own, *(np.broadcast_to(level, own.shape) for level in self._levels)):
            yield self._candidate(rows, observation, [one.estimate for one in planned], offload, threshold)

    def _candidate(
        self,
        rows: BatchingArrays,
        observation: Observation,
        estimates: list[LoadEstimate],
        offload: Array,
        threshold: Array,
    ) -> Candidate:
        forward = forward_action(offload, threshold, self.scenario.network.entry_nodes.size)
        # The forecast takes the numbers as the environment will: rounded to float32.
        rounded = (forward[key].astype(np.float64) for key in ("offload", "threshold"))
        forecast = self._reader.forecasts([one.difficulty_shift for one in estimates], *rounded)
        forwarded = np.stack([one.forwarded for one in estimates])
        epochs = self._reader.expected_epochs(rows, observation, forwarded, forecast)
        node = self._assign(epochs)
        return Candidate(
            objectives(epochs.problem, node), node, **forward, reach_probability=forecast.reach_probability
        )


def _best(candidates: Iterator[Candidate]) -> Candidate:
    """The candidate of greatest value in each row, the first one of several."""
    best, *others = candidates
    for other in others:
        better = other.value > best.value
        best = Candidate(
            *(
                np.where(better.reshape(-1, *(1,) * (new.ndim - 1)), new, old)
                for new, old in zip(other, best, strict=True)
            )
        )
    return best


def forward_action(offload: Array, threshold: Array, devices: int) -> Action:
    """Offload [R, K, K] and threshold [R, K] of plans [R, devices + K, K], without the rows of the devices."""
    return {
        "offload": np.clip(offload[:, devices:], 0.0, 1.0).astype(np.float32),
        "threshold": np.clip(threshold, 0.0, 1.0).astype(np.float32),
    }
