"""The readers by name, and the protocol that they share."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, Protocol

import numpy as np
from gymnasium import spaces

from edge_llm_gym.arrays import Array
from edge_llm_gym.features.tokens import make_tokens, read_tokens, token_space
from edge_llm_gym.features.vectors import FlatVector, Observation, ScaledVector
from edge_llm_gym.names import known_name
from edge_llm_gym.rows import ROW_KEY
from edge_llm_gym.scenario import Scenario


class Reader(Protocol):
    """Makes what a model observes out of the environment's observations."""

    @property
    def space(self) -> spaces.Space[Any]:
        """Space of what the model observes in one row."""
        ...

    def read(self, observation: Observation) -> Any:
        """What the model observes in R rows: an array, or a dictionary of arrays, with a leading axis of rows."""
        ...


class TokenReader:
    """The token sets of `edge_llm_gym.features.tokens`."""

    def __init__(self, scenario: Scenario) -> None:
        self._tokens = make_tokens(scenario)
        self.space = token_space(self._tokens)

    def read(self, observation: Observation) -> dict[str, Array]:
        """The tokens of R rows."""
        return read_tokens(self._tokens, observation)


class BlindReader:
    """The number 1 in every state, for policies whose action is constant."""

    space = spaces.Box(0.0, 1.0, (1,), np.float32)

    def __init__(self, scenario: Scenario) -> None:
        del scenario

    def read(self, observation: Observation) -> Array:
        """[R, 1] ones."""
        return np.ones((len(observation[ROW_KEY]), 1), np.float32)


READERS: Final[Mapping[str, Callable[[spaces.Dict, Scenario], Reader]]] = MappingProxyType(
    {
        "vector": ScaledVector,
        "unscaled": lambda space, scenario: FlatVector(space),
        "tokens": lambda space, scenario: TokenReader(scenario),
        "none": lambda space, scenario: BlindReader(scenario),
    }
)
"""Name -> (observation space of the environment, scenario) -> reader."""


def make_reader(name: str, space: spaces.Dict, scenario: Scenario) -> Reader:
    """The reader of a name for observations of a space. Raises ValueError for an unknown name."""
    return READERS[known_name("observation", name, READERS)](space, scenario)
