"""The box codecs: the environment's own action as one vector in [-1, 1]."""

from collections.abc import Mapping

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.codecs.codec import (
    Action,
    Observation,
    checked_signed,
    from_share,
    offload_rows,
    signed_box,
    to_share,
)
from edge_llm_gym.scenario import Scenario


class BatchingBox:
    """A number per slot that selects a node, then the bandwidth weights [N, 2].

    The K + 1 equal parts of [-1, 1] mean waiting and the nodes 1..K. Actions may be infeasible: this is the direct form
    of the action, and the hardest one for learning. Serves PPO, A2C, SAC, TD3.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._slots, self._nodes = scenario.slots, scenario.network.entry_nodes.size
        self.space = signed_box(3 * self._slots)

    def decode(self, action: Array, observation: Observation) -> Action:
        """Batch and bandwidth."""
        share = to_share(checked_signed(action, 3 * self._slots, observation))
        choice = (share[:, : self._slots] * (self._nodes + 1)).astype(np.int64)
        bandwidth = np.ascontiguousarray(share[:, self._slots :]).reshape(-1, self._slots, 2)
        return {"batch": np.minimum(choice, self._nodes), "bandwidth": bandwidth}

    def encode(self, action: Mapping[str, Array], observation: Observation) -> Array:
        """The middle of the part of each choice, and the weights."""
        batch = np.asarray(action["batch"])
        middle = (batch.astype(np.float32) + np.float32(0.5)) / np.float32(self._nodes + 1)
        weights = np.asarray(action["bandwidth"], np.float32).reshape(len(batch), -1)
        return from_share(np.concatenate([middle, weights], axis=1))

    def mask(self, observation: Observation) -> None:
        """No masks: the action is continuous."""
        return


class StreamingBox:
    """Offload rows [D + K, K], then thresholds [K], each from 0 (at -1) to 1 (at 1). Serves PPO, A2C, SAC, TD3.

    In batching-and-routing dynamics the offload rows are those of the nodes, [K, K].
    """

    def __init__(self, scenario: Scenario) -> None:
        self._nodes, self._rows = len(scenario.nodes), offload_rows(scenario)
        self._size = self._rows * self._nodes + self._nodes
        self.space = signed_box(self._size)

    def decode(self, action: Array, observation: Observation) -> Action:
        """Offload and threshold."""
        share = to_share(checked_signed(action, self._size, observation))
        offload, threshold = share[:, : -self._nodes], share[:, -self._nodes :]
        return {
            "offload": np.ascontiguousarray(offload).reshape(-1, self._rows, self._nodes),
            "threshold": np.ascontiguousarray(threshold),
        }

    def encode(self, action: Mapping[str, Array], observation: Observation) -> Array:
        """The same numbers in [-1, 1]."""
        threshold = np.asarray(action["threshold"], np.float32)
        offload = np.asarray(action["offload"], np.float32).reshape(len(threshold), -1)
        return from_share(np.concatenate([offload, threshold], axis=1))

    def mask(self, observation: Observation) -> None:
        """No masks: the action is continuous."""
        return
