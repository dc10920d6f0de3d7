"""Experts of batching dynamics: the epoch problem of an observation, solved by a scheduler."""

from collections.abc import Callable
from typing import Any

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.decoding.batching import BatchingReader, EpochProblem
from edge_llm_gym.experts.policy import Action, Observation, RowPolicy
from edge_llm_gym.sim.columns import DOWNLINK, UPLINK

Assign = Callable[[EpochProblem], Array]
"""A scheduler: epoch problem -> node [n] int, 0 for a request that waits, k for the k-th node."""


class BatchExpert(RowPolicy):
    """A stateless expert: one scheduler decides each epoch on its own."""

    def __init__(self, name: str, reader: BatchingReader, assign: Assign) -> None:
        super().__init__(name, reader.scenario)
        self._reader, self._assign = reader, assign

    def act(self, observation: Observation, memory: Any) -> tuple[Action, Any]:
        """Batch and bandwidth for the observation of one row."""
        epoch = self._reader.read(observation)
        visible = np.asarray(observation["request_mask"]).astype(bool)
        return batch_action(epoch, self._assign(epoch), visible), memory


def batch_action(epoch: EpochProblem, node: Array, visible: Array) -> Action:
    """An assignment node [n] as an action: `visible` [N] bool marks the slots, bandwidth weights are minimum shares."""
    batch = np.zeros(visible.size, np.int64)
    bandwidth = np.zeros((visible.size, 2), np.float32)
    batch[visible] = node
    weights = np.zeros((node.size, 2))
    for index, problem in enumerate(epoch.problem.nodes):
        chosen = node == index + 1
        weights[chosen, UPLINK] = problem.uplink_share[chosen]
        weights[chosen, DOWNLINK] = problem.downlink_share[chosen]
    bandwidth[visible] = np.minimum(weights, 1.0)
    return {"batch": batch, "bandwidth": bandwidth}
