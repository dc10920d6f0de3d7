"""Codecs of batching-and-routing dynamics: a codec for the batches, followed by one for offload and thresholds."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from gymnasium import spaces

from edge_llm_gym.arrays import Array
from edge_llm_gym.codecs.box import BatchingBox, StreamingBox
from edge_llm_gym.codecs.codec import Action, Codec, Observation, flat_rows
from edge_llm_gym.codecs.multidiscrete import BatchingMultiDiscrete, StreamingMultiDiscrete
from edge_llm_gym.codecs.priced import Priced
from edge_llm_gym.codecs.priority import Priority
from edge_llm_gym.scenario import Scenario


class Chained:
    """Flat actions of one codec, followed by those of another; both spaces are Box, or both are MultiDiscrete.

    Batches are feasible as far as the first codec ensures it for requests that compute all blocks of their entry node;
    the time that forwarded requests take at deeper nodes is not considered.
    """

    def __init__(self, batches: Codec, forwarding: Codec) -> None:
        self._parts = (batches, forwarding)
        (self._first,) = batches.space.shape or (0,)
        self.space = _joined(batches.space, forwarding.space)

    def decode(self, action: Array, observation: Observation) -> Action:
        """Batch, bandwidth, offload and threshold."""
        array = flat_rows(action, self.space.shape, observation)
        batches, forwarding = self._parts
        return batches.decode(array[:, : self._first], observation) | forwarding.decode(
            array[:, self._first :], observation
        )

    def encode(self, action: Mapping[str, Array], observation: Observation) -> Array:
        """The flat actions of both parts."""
        return np.concatenate([part.encode(action, observation) for part in self._parts], axis=1)

    def mask(self, observation: Observation) -> Array | None:
        """Both masks, or None if a part has none."""
        masks = [mask for part in self._parts if (mask := part.mask(observation)) is not None]
        return np.concatenate(masks, axis=1) if len(masks) == len(self._parts) else None


def _joined(first: Any, second: Any) -> spaces.Box | spaces.MultiDiscrete:
    if isinstance(first, spaces.MultiDiscrete):
        return spaces.MultiDiscrete(np.concatenate([first.nvec, second.nvec]))
    return spaces.Box(np.concatenate([first.low, second.low]), np.concatenate([first.high, second.high]))


def routed_box(scenario: Scenario) -> Chained:
    """A number per slot and weights, then offload rows [K, K] and thresholds [K]. Serves PPO, A2C, SAC, TD3."""
    return Chained(BatchingBox(scenario), StreamingBox(scenario))


def routed_multidiscrete(scenario: Scenario, levels: int = 5) -> Chained:
    """A node or 0 for each slot, then a level for each offload weight and threshold. Serves PPO, A2C, MaskablePPO."""
    return Chained(BatchingMultiDiscrete(scenario), StreamingMultiDiscrete(scenario, levels))


def routed_priority(scenario: Scenario, overrun_s: float | None = None, caps: bool = False) -> Chained:
    """Scores of `Priority`, then offload and thresholds. Serves PPO, A2C, SAC, TD3."""
    return Chained(Priority(scenario, overrun_s, caps), StreamingBox(scenario))


def routed_priced(scenario: Scenario, overrun_s: float | None = None, pairs: bool = False) -> Chained:
    """Prices of `Priced`, then offload and thresholds. Serves PPO, A2C, SAC, TD3."""
    return Chained(Priced(scenario, overrun_s, pairs), StreamingBox(scenario))


BATCHING_ROUTING: Final[Mapping[str, Callable[..., Codec]]] = {
    "multidiscrete": routed_multidiscrete,
    "box": routed_box,
    "priority": routed_priority,
    "priced": routed_priced,
}
