"""How a model reads the environment's observations: as token sets, as one vector, as they are, or not at all."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from gymnasium import spaces

from edge_llm_gym.arrays import Array
from edge_llm_gym.features import BlindReader, FlatVector, Reader, ScaledVector, TokenReader
from edge_llm_gym.scenario import Scenario

__all__ = ["READERS", "BlindReader", "Reader", "TokenReader", "observation_reader"]


class _DictReader:
    """Some of the environment's own arrays."""

    def __init__(self, space: spaces.Dict) -> None:
        self.space = space

    def read(self, observation: Mapping[str, Array]) -> dict[str, Array]:
        """The arrays of R rows."""
        return {key: np.asarray(observation[key]) for key in self.space.spaces}


READERS: Final[Mapping[str, Callable[[Scenario], Reader]]] = MappingProxyType(
    {"set": TokenReader, "mlp": TokenReader, "constant": BlindReader}
)
"""Kind of policy -> its reader."""


def observation_reader(space: spaces.Space[Any], observed: spaces.Dict, scenario: Scenario) -> Reader:
    """The reader that makes elements of a model's observation space out of observations of a scenario.

    `observed` is the space of these observations. A Box of one number is that of `BlindReader`, any other vector that
    of a flat id (scaled) or of `codecs.wrappers.FlatObservation`; a dictionary is read as tokens if its keys are those
    of `features.tokens`, and as the environment's own arrays otherwise. Raises ValueError for any other
    space, and for a vector of another length.
    """
    if space == BlindReader.space:
        return BlindReader(scenario)
    if isinstance(space, spaces.Box) and len(space.shape) == 1:
        return _vector_reader(space, observed, scenario)
    if not isinstance(space, spaces.Dict):
        raise ValueError(
            f"a model observes a vector, token sets or the environment's dictionary, got a model of {space}; train it "
            f"on a flat id such as EdgeLLM/MultiNode-Flat-v0, or on FlatObservation or CodecWrapper"
        )
    tokens = TokenReader(scenario)
    return tokens if set(space.spaces) == set(tokens.space.spaces) else _DictReader(space)


def _vector_reader(space: spaces.Box, observed: spaces.Dict, scenario: Scenario) -> Reader:
    scaled = ScaledVector(observed, scenario)
    if space.shape != scaled.space.shape:
        raise ValueError(
            f"the model observes {space.shape[0]} numbers, but scenario {scenario.name!r} makes vectors of "
            f"{scaled.space.shape[0]}; choose the scenario and the features that it was trained with"
        )
    return scaled if space == scaled.space else FlatVector(observed)
