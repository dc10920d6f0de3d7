"""Experts of batching dynamics: the epoch problem of an observation, solved by a scheduler."""

from collections.abc import Callable

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.decoding.assignment import with_least_shares
from edge_llm_gym.decoding.batching import BatchingReader
from edge_llm_gym.decoding.epoch_rows import EpochProblem, EpochRows
from edge_llm_gym.experts.policy import Action, BatchPolicy, Memory, Observation
from edge_llm_gym.sim.columns import DOWNLINK, UPLINK

Assign = Callable[[EpochRows], Array]
"""A scheduler: epoch problems of R rows -> node [R, N] int64, 0 for a request that waits, k for the k-th node."""


class BatchExpert(BatchPolicy):
    """A stateless expert: one scheduler decides each epoch on its own, for all rows at once.

    `random` says that its decisions are drawn from one generator for all rows.
    """

    def __init__(self, name: str, reader: BatchingReader, assign: Assign, random: bool = False) -> None:
        super().__init__(name, reader.scenario)
        self._reader, self._assign, self._random = reader, assign, random

    @property
    def independent_rows(self) -> bool:
        """True unless decisions are random."""
        return not self._random

    def act_rows(self, observation: Observation, memory: Memory, deterministic: bool) -> tuple[Action, Memory]:
        """Batches and bandwidth of R rows."""
        rows = self._reader.read_rows(observation)
        return with_least_shares(self._assign(self._reader.epochs(rows)), rows), memory


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
