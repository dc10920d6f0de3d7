"""The priority codec: a score per request and node, decoded by greedy feasible insertion."""

from collections.abc import Mapping

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.codecs.codec import Action, Observation, checked_signed, signed_box
from edge_llm_gym.decoding.assignment import insert_by_score, with_least_shares
from edge_llm_gym.decoding.batching import batch_limits_s, checked_overrun_s
from edge_llm_gym.decoding.readers import batch_reader
from edge_llm_gym.scenario import Scenario

LONGEST_OVERRUN = 2.0
"""Overrun in epochs that a cap of 1 allows."""


class Priority:
    """A score in [-1, 1] per request and node: pairs of positive scores are inserted in descending order, if feasible.

    Every action is feasible: no request of a batch is refused or late. Serves algorithms for continuous actions: PPO,
    A2C, SAC, TD3.

    Args:
        scenario: a scenario of pooled dynamics.
        overrun_s: as for `make_expert`; one epoch by default.
        caps: whether the action has K further numbers, which set the overrun of each node, from 0 (at -1) to two epochs
            (at 1).

    Raises ValueError for a negative `overrun_s`, and for `overrun_s` together with `caps`.
    """

    def __init__(self, scenario: Scenario, overrun_s: float | None = None, caps: bool = False) -> None:
        if caps and overrun_s is not None:
            raise ValueError(f"with caps the action sets the overrun: leave out overrun_s, got {overrun_s!r}")
        self._scenario, self._caps = scenario, caps
        self._reader = batch_reader(scenario)
        self._overrun_s = checked_overrun_s(scenario, overrun_s)
        self._slots, self._nodes = scenario.slots, scenario.network.entry_nodes.size
        self._pairs = self._slots * self._nodes
        self.space = signed_box(self._pairs + (self._nodes if caps else 0))

    def decode(self, action: Array, observation: Observation) -> Action:
        """Batch and minimum bandwidth for scores [R, N * K] (and caps [R, K])."""
        flat = checked_signed(action, self._pairs + (self._nodes if self._caps else 0), observation)
        arrays = self._reader.read_rows(observation)
        overrun_s = self._overrun_of(flat[:, self._pairs :]) if self._caps else self._overrun_s
        cap_s = batch_limits_s(self._scenario, arrays, overrun_s)
        score = flat[:, : self._pairs].reshape(-1, self._slots, self._nodes)
        return with_least_shares(insert_by_score(score, arrays, cap_s), arrays)

    def encode(self, action: Mapping[str, Array], observation: Observation) -> Array:
        """Score 1 for the pairs of the action, -1 for all others, and the largest caps.

        Decodes to the same batches if they are feasible and within the overrun.
        """
        batch = np.asarray(action["batch"])
        joined = batch[..., None] == np.arange(1, self._nodes + 1)
        flat = np.where(joined, np.float32(1.0), np.float32(-1.0)).reshape(len(batch), -1)
        caps = np.ones((len(batch), self._nodes if self._caps else 0), np.float32)
        return np.concatenate([flat, caps], axis=1)

    def mask(self, observation: Observation) -> None:
        """No masks: every action is feasible."""
        return

    def _overrun_of(self, cap: Array) -> Array:
        return (cap.astype(np.float64) + 1.0) * (LONGEST_OVERRUN / 2.0 * self._scenario.epoch_s)
