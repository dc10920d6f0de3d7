"""How a model reads the environment's observations: as token sets, as one flat vector, or as they are."""

from collections.abc import Callable, Mapping

import numpy as np
from gymnasium import spaces

from edge_llm_gym.arrays import Array
from edge_llm_gym.sb3.tokens import make_tokens, read_tokens, token_space
from edge_llm_gym.scenario import Scenario

Observation = Mapping[str, Array]
Reader = Callable[[Observation], Array | dict[str, Array]]
"""Observations of R rows -> what a model takes, with the same leading axis."""


def observation_reader(space: spaces.Space, scenario: Scenario) -> Reader:
    """The reader that makes elements of a model's observation space out of observations of a scenario.

    A one-dimensional Box is read as by `codecs.wrappers.FlatObservation`; a dictionary as tokens if its keys and shapes
    are those of `sb3.tokens`, and as the environment's own arrays otherwise. Raises ValueError for any other space.
    """
    if isinstance(space, spaces.Box) and len(space.shape) == 1:
        return _flattened
    if not isinstance(space, spaces.Dict):
        raise ValueError(
            f"a model observes a vector, token sets or the environment's dictionary, got a model of {space}; train it "
            f"on FlatObservation, FlatEnv or CodecWrapper"
        )
    tokens = make_tokens(scenario)
    if set(space.spaces) == set(token_space(tokens).spaces):
        return lambda observation: read_tokens(tokens, observation)
    keys = tuple(space.spaces)
    return lambda observation: {key: np.asarray(observation[key]) for key in keys}


def _flattened(observation: Observation) -> Array:
    """[R, sum of sizes] float32, in the order of the keys' names."""
    return np.concatenate(
        [np.asarray(observation[key], np.float32).reshape(len(observation[key]), -1) for key in sorted(observation)],
        axis=1,
    )
