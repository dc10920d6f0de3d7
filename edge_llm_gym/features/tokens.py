"""Observations as sets of tokens: items (requests or senders), nodes, and features of each pair of item and node.

Every dynamics is brought to the same six arrays, so that one network serves all of them and any number of items and
nodes:

- `item` [L, Fi], `item_mask` [L]: the requests shown in an epoch; in streams the devices and nodes that send.
- `node` [K, Fn]: the nodes that compute.
- `pair` [L, K, Fp], `pair_mask` [L, K]: features of an item on a node; the mask is 0 where the pair does not exist.
- `context` [G]: features of the whole.

All are float32, scaled to about [-1, 1] and clipped to LIMIT. The first pair feature, in column PRIOR, is a hand-made
score of the pair; a policy may learn corrections to it.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Protocol

import numpy as np
from gymnasium import spaces

from edge_llm_gym.arrays import Array
from edge_llm_gym.features.batching import BatchFeatures, ContinuousBatchFeatures
from edge_llm_gym.features.batching_routing import BatchRoutingFeatures
from edge_llm_gym.features.streaming import StreamFeatures
from edge_llm_gym.scenario import Scenario

KEYS: Final = ("item", "item_mask", "node", "pair", "pair_mask", "context")
LIMIT: Final = 10.0
PRIOR: Final = 0


class Tokens(Protocol):
    """Turns observations of one scenario into tokens."""

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Key -> shape of one row."""
        ...

    def read(self, observation: Mapping[str, Array]) -> dict[str, Array]:
        """The arrays of an observation whose arrays have a leading axis of rows."""
        ...


TOKENS: Final[Mapping[str, Callable[[Scenario], Tokens]]] = MappingProxyType(
    {
        "batching": BatchFeatures,
        "continuous_batching": ContinuousBatchFeatures,
        "streaming": StreamFeatures,
        "batching_routing": BatchRoutingFeatures,
    }
)
"""Variant of the dynamics -> reader."""


def make_tokens(scenario: Scenario) -> Tokens:
    """The reader of a scenario. Raises NotImplementedError for dynamics without one."""
    if scenario.variant not in TOKENS:
        raise NotImplementedError(f"there are no tokens for dynamics {scenario.dynamics!r}; known: {list(TOKENS)}")
    return TOKENS[scenario.variant](scenario)


def token_space(tokens: Tokens) -> spaces.Dict:
    """The space of the arrays of one row."""
    return spaces.Dict({key: spaces.Box(-LIMIT, LIMIT, tokens.shapes[key], np.float32) for key in KEYS})


def read_tokens(tokens: Tokens, observation: Mapping[str, Array]) -> dict[str, Array]:
    """The tokens of R observations as elements of the space: in the order of KEYS, float32, clipped to LIMIT."""
    arrays = tokens.read(observation)
    return {key: np.clip(arrays[key], -LIMIT, LIMIT).astype(np.float32) for key in KEYS}
