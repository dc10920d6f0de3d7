"""How a model reads the environment's observations: as token sets, as one flat vector, as they are, or not at all."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, Protocol

import numpy as np
from gymnasium import spaces

from edge_llm_gym.arrays import Array
from edge_llm_gym.sb3.tokens import make_tokens, read_tokens, token_space
from edge_llm_gym.scenario import Scenario

Observation = Mapping[str, Array]


class Reader(Protocol):
    """Makes what a model observes out of the environment's observations."""

    @property
    def space(self) -> spaces.Space[Any]:
        """Space of what the model observes in one row."""
        ...

    def read(self, observation: Observation) -> Any:
        """What the model observes in R rows: arrays with a leading axis of rows."""
        ...


class TokenReader:
    """The token sets of `edge_llm_gym.sb3.tokens`."""

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
        return np.ones((len(observation["backlog"]), 1), np.float32)


class _FlatReader:
    """All arrays as one vector, in the order of the keys' names."""

    def __init__(self, space: spaces.Box) -> None:
        self.space = space

    def read(self, observation: Observation) -> Array:
        """[R, sum of sizes] float32."""
        parts = [np.asarray(observation[key], np.float32) for key in sorted(observation)]
        return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)


class _DictReader:
    """Some of the environment's own arrays."""

    def __init__(self, space: spaces.Dict) -> None:
        self.space = space

    def read(self, observation: Observation) -> dict[str, Array]:
        """The arrays of R rows."""
        return {key: np.asarray(observation[key]) for key in self.space.spaces}


READERS: Final[Mapping[str, Callable[[Scenario], Reader]]] = MappingProxyType(
    {"set": TokenReader, "mlp": TokenReader, "constant": BlindReader}
)
"""Kind of policy -> its reader."""


def observation_reader(space: spaces.Space, scenario: Scenario) -> Reader:
    """The reader that makes elements of a model's observation space out of observations of a scenario.

    A Box of one number is that of `BlindReader`, any other vector is read as by `codecs.wrappers.FlatObservation`; a
    dictionary as tokens if its keys are those of `sb3.tokens`, and as the environment's own arrays otherwise. Raises
    ValueError for any other space.
    """
    if space == BlindReader.space:
        return BlindReader(scenario)
    if isinstance(space, spaces.Box) and len(space.shape) == 1:
        return _FlatReader(space)
    if not isinstance(space, spaces.Dict):
        raise ValueError(
            f"a model observes a vector, token sets or the environment's dictionary, got a model of {space}; train it "
            f"on FlatObservation, FlatEnv or CodecWrapper"
        )
    tokens = TokenReader(scenario)
    return tokens if set(space.spaces) == set(tokens.space.spaces) else _DictReader(space)
