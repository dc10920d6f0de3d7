"""Observations as sets: items (requests or senders), nodes, and what holds between an item and a node.

Every admission is brought to the same six arrays, so that one network serves all of them and any number of items and
nodes:

- `item` [L, Fi], `item_mask` [L]: requests of an epoch; devices and nodes that send, in a stream.
- `node` [K, Fn]: those that compute.
- `pair` [L, K, Fp], `pair_mask` [L, K]: the physics of an item on a node; the mask is 0 where a pair makes no sense.
- `context` [G]: what belongs to none of them.

All are float32, scaled to about [-1, 1] and within LIMIT. The first of the pair features, in column PRIOR, is a rule
of thumb for the score of a pair; a policy may learn corrections to it.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Protocol

import numpy as np
from gymnasium import spaces

from agents.epoch_tokens import EpochTokens
from agents.staged_tokens import StagedTokens
from agents.stream_tokens import StreamTokens
from edge_llm_gym.arrays import Array
from edge_llm_gym.scenario import Scenario

KEYS: Final = ("item", "item_mask", "node", "pair", "pair_mask", "context")
LIMIT: Final = 10.0
PRIOR: Final = 0


class Tokens(Protocol):
    """Turns observations of one scenario into sets."""

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Key -> shape of one row."""
        ...

    def read(self, observation: Mapping[str, Array]) -> dict[str, Array]:
        """The arrays of an observation whose arrays have a leading axis of rows."""
        ...


TOKENS: Final[Mapping[str, Callable[[Scenario], Tokens]]] = MappingProxyType(
    {"batching": EpochTokens, "streaming": StreamTokens, "batching_routing": StagedTokens}
)
"""Admission -> its reading as sets."""


def make_tokens(scenario: Scenario) -> Tokens:
    """The reader of a scenario. Raises NotImplementedError for an admission without one."""
    if scenario.dynamics not in TOKENS:
        raise NotImplementedError(f"there are no tokens for admission {scenario.dynamics!r}; known: {list(TOKENS)}")
    return TOKENS[scenario.dynamics](scenario)


def token_space(tokens: Tokens) -> spaces.Dict:
    """The space of the arrays of one row."""
    return spaces.Dict({key: spaces.Box(-LIMIT, LIMIT, tokens.shapes[key], np.float32) for key in KEYS})


def limited(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays in their keys' order, float32, within LIMIT."""
    return {key: np.clip(arrays[key], -LIMIT, LIMIT).astype(np.float32) for key in KEYS}
