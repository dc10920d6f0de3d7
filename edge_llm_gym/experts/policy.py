"""The `predict` protocol, and experts behind it."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.decoding.batching import BatchingReader, Epoch
from edge_llm_gym.sim.columns import DOWNLINK, UPLINK

Action = dict[str, Array]
Assign = Callable[[Epoch], Array]
"""Epoch -> node [n] int: 0 lets a request wait, k puts it on the k-th node."""


class Policy(Protocol):
    """Anything that acts: the protocol of Stable-Baselines3."""

    def predict(
        self,
        observation: Mapping[str, Array],
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = False,
    ) -> tuple[Any, Any]:
        """Action for an observation, and the policy's next recurrent state (None for a stateless policy)."""
        ...


class Expert:
    """A scheduler that reads observations of one scenario; single ones and batches alike."""

    def __init__(self, name: str, reader: BatchingReader, assign: Assign) -> None:
        self.name = name
        self._reader = reader
        self._assign = assign

    def predict(
        self,
        observation: Mapping[str, Array],
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[Action, None]:
        """Action of the environment's own action space. Raises ValueError for an observation of another scenario."""
        mask = np.asarray(observation["request_mask"])
        if mask.ndim == 2:
            rows = [self._act({key: value[row] for key, value in observation.items()}) for row in range(len(mask))]
            return {key: np.stack([row[key] for row in rows]) for key in ("batch", "bandwidth")}, None
        return self._act(observation), None

    def _act(self, observation: Mapping[str, Array]) -> Action:
        self._check(observation)
        epoch = self._reader.read(observation)
        return batch_action(epoch, self._assign(epoch), np.asarray(observation["request_mask"]).astype(bool))

    def _check(self, observation: Mapping[str, Array]) -> None:
        scenario = self._reader.scenario
        expected = (scenario.slots, len(scenario.nodes), 2)
        received = np.shape(observation["spectral_efficiency"])
        if received != expected:
            raise ValueError(
                f"expert {self.name!r} was made for scenario {scenario.name!r} with spectral_efficiency of shape "
                f"{expected}, got {received}; make the expert from the environment that it acts in"
            )


def batch_action(epoch: Epoch, node: Array, shown: Array) -> Action:
    """An assignment node [n] as an action for the shown slots [N] bool: each gets its minimum shares as bandwidth."""
    batch = np.zeros(shown.size, np.int64)
    bandwidth = np.zeros((shown.size, 2), np.float32)
    batch[shown] = node
    weights = np.zeros((node.size, 2))
    for index, problem in enumerate(epoch.problem.nodes):
        chosen = node == index + 1
        weights[chosen, UPLINK] = problem.uplink_share[chosen]
        weights[chosen, DOWNLINK] = problem.downlink_share[chosen]
    bandwidth[shown] = np.minimum(weights, 1.0)
    return {"batch": batch, "bandwidth": bandwidth}
