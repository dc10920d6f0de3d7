"""The parts of flat environments: how actions are taken and how observations are read, by name."""

import inspect
from collections.abc import Mapping
from typing import Any, Final

from gymnasium import spaces

from edge_llm_gym.codecs import CODECS, check_settings
from edge_llm_gym.codecs.sequence import SEQUENTIAL
from edge_llm_gym.codecs.wrappers import CodecWrapper, SequentialWrapper
from edge_llm_gym.env.env import EdgeLLMEnv
from edge_llm_gym.features import Reader, make_reader
from edge_llm_gym.names import known_name
from edge_llm_gym.scenario import Scenario

DEFAULT_CODEC: Final = "parameters"
DEFAULT_OBSERVATION: Final = "vector"
IN_SEQUENCES: Final = ("vector", "unscaled")
"""Readers that show the cursor of a sequence."""


def acting(env: EdgeLLMEnv, codec: str, settings: Mapping[str, Any]) -> CodecWrapper | SequentialWrapper:
    """The environment with the flat actions of a codec, or as a sequence.

    Raises ValueError for an unknown codec and TypeError for an unknown setting.
    """
    names = codec_names(env.scenario)
    known_name(f"codec of dynamics {env.scenario.dynamics!r}", codec, names)
    if codec != SEQUENTIAL:
        return CodecWrapper(env, codec, **settings)
    check_settings(codec, settings, [name for name in inspect.signature(SequentialWrapper).parameters if name != "env"])
    return SequentialWrapper(env, **settings)


def codec_names(scenario: Scenario) -> list[str]:
    """Names of the codecs of a scenario, and the one that stands for a sequence where there is one."""
    return [*CODECS[scenario.dynamics], *([SEQUENTIAL] if scenario.dynamics == "batching" else [])]


def reading(observation: str, codec: str, space: spaces.Space[Any], scenario: Scenario) -> Reader:
    """The reader of a name. Raises ValueError for an unknown one, and for one that hides the cursor of a sequence."""
    assert isinstance(space, spaces.Dict)  # for the type checker
    if codec == SEQUENTIAL:
        known_name("observation of a sequence", observation, IN_SEQUENCES)
    return make_reader(observation, space, scenario)
