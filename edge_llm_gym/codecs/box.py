"""The box codecs: the environment's own action as one vector in [-1, 1]."""

from collections.abc import Mapping

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.codecs.codec import Action, Observation, flat_box, from_share, senders, to_share, unit
from edge_llm_gym.scenario import Scenario


class EpochBox:
    """A number per slot whose K + 1 equal parts of [-1, 1] mean waiting and the nodes, then weights [N, 2].

    Nothing keeps an action feasible here: it is the plainest form, and the hardest to learn. Serves PPO, A2C, SAC, TD3.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._slots, self._nodes = scenario.slots, scenario.network.entry_nodes.size
        self.space = flat_box(3 * self._slots)

    def decode(self, action: Array, observation: Observation) -> Action:
        """Batch and bandwidth."""
        share = to_share(unit(action, 3 * self._slots))
        choice = (share[:, : self._slots] * (self._nodes + 1)).astype(np.int64)
        bandwidth = np.ascontiguousarray(share[:, self._slots :]).reshape(-1, self._slots, 2)
        return {"batch": np.minimum(choice, self._nodes), "bandwidth": bandwidth}

    def encode(self, action: Mapping[str, Array], observation: Observation) -> Array:
        """The middle of each choice's part, and the weights."""
        batch = np.asarray(action["batch"])
        middle = (batch.astype(np.float32) + np.float32(0.5)) / np.float32(self._nodes + 1)
        weights = np.asarray(action["bandwidth"], np.float32).reshape(len(batch), -1)
        return from_share(np.concatenate([middle, weights], axis=1))

    def mask(self, observation: Observation) -> None:
        """No masks."""
        return


class StreamBox:
    """Offload rows [D + K, K], then thresholds [K], each from 0 (at -1) to 1 (at 1). Serves PPO, A2C, SAC, TD3.

    In batching-and-routing dynamics the offload rows are those of the nodes, [K, K].
    """

    def __init__(self, scenario: Scenario) -> None:
        self._nodes = len(scenario.nodes)
        self._senders = senders(scenario)
        self._size = self._senders * self._nodes + self._nodes
        self.space = flat_box(self._size)

    def decode(self, action: Array, observation: Observation) -> Action:
        """Offload and threshold."""
        share = to_share(unit(action, self._size))
        offload, threshold = share[:, : -self._nodes], share[:, -self._nodes :]
        return {
            "offload": np.ascontiguousarray(offload).reshape(-1, self._senders, self._nodes),
            "threshold": np.ascontiguousarray(threshold),
        }

    def encode(self, action: Mapping[str, Array], observation: Observation) -> Array:
        """The same numbers in [-1, 1]."""
        threshold = np.asarray(action["threshold"], np.float32)
        offload = np.asarray(action["offload"], np.float32).reshape(len(threshold), -1)
        return from_share(np.concatenate([offload, threshold], axis=1))

    def mask(self, observation: Observation) -> None:
        """No masks."""
        return
