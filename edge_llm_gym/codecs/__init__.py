"""Codecs: conversion between flat actions, as learning libraries take them, and the environment's dictionary actions.

| codec | flat action | serves | dynamics |
|---|---|---|---|
| `multidiscrete` | MultiDiscrete with masks | PPO, A2C, MaskablePPO | all |
| `box` | Box in [-1, 1] | PPO, A2C, SAC, TD3 | all |
| `priority` | Box in [-1, 1], a score per request and node | PPO, A2C, SAC, TD3 | batching, batching_routing |
| `priced` | Box in [-1, 1], a price per request | PPO, A2C, SAC, TD3 | batching, batching_routing |
| `weighted_priority` | Box in [-1, 1], weights of the linear score | PPO, A2C, SAC, TD3 | batching |
| `dispatch_rule` | Discrete, a rule and an overrun | DQN, PPO, A2C | batching |
| `parameters` | Box in [-1, 1], parameters of the linear policy | PPO, A2C, SAC, TD3 | all |
| `prices` | Box in [-1, 1], corrections of linear prices | PPO, A2C, SAC, TD3 | batching, batching_routing |
| `residual_routing` | Box in [-1, 1], corrections of a steady plan | PPO, A2C, SAC, TD3 | streaming |

All codecs act on batches of rows. In batching-and-routing dynamics the numbers for offload and thresholds follow those
for the batches.
"""

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from edge_llm_gym.codecs.batching_routing import BATCHING_ROUTING
from edge_llm_gym.codecs.box import BatchingBox, StreamingBox
from edge_llm_gym.codecs.codec import Codec
from edge_llm_gym.codecs.dispatch_rule import DispatchRule
from edge_llm_gym.codecs.multidiscrete import BatchingMultiDiscrete, StreamingMultiDiscrete
from edge_llm_gym.codecs.parameters import Parameters
from edge_llm_gym.codecs.priced import Priced
from edge_llm_gym.codecs.prices import Prices
from edge_llm_gym.codecs.priority import Priority
from edge_llm_gym.codecs.residual_routing import ResidualRouting
from edge_llm_gym.codecs.weighted_priority import WeightedPriority
from edge_llm_gym.names import known_name, suggestion
from edge_llm_gym.scenario import Scenario

__all__ = ["CODECS", "Codec", "check_settings", "make_codec", "on_threads", "settings_of"]

CODECS: Final[Mapping[str, Mapping[str, Callable[..., Codec]]]] = MappingProxyType(
    {
        "batching": {
            "multidiscrete": BatchingMultiDiscrete,
            "box": BatchingBox,
            "priority": Priority,
            "priced": Priced,
            "weighted_priority": WeightedPriority,
            "dispatch_rule": DispatchRule,
            "parameters": Parameters,
            "prices": Prices,
        },
        "streaming": {
            "multidiscrete": StreamingMultiDiscrete,
            "box": StreamingBox,
            "residual_routing": ResidualRouting,
            "parameters": Parameters,
        },
        "batching_routing": {**BATCHING_ROUTING, "parameters": Parameters, "prices": Prices},
    }
)
"""Dynamics -> codecs by name."""
THREADS: Final = "num_threads"


def make_codec(name: str, scenario: Scenario, **settings: Any) -> Codec:
    """A codec for a scenario; the settings are the arguments of its class.

    Raises ValueError for a name that the scenario's dynamics do not have, TypeError for an unknown setting.
    """
    check_settings(name, settings, settings_of(name, scenario))
    return CODECS[scenario.dynamics][name](scenario, **settings)


def settings_of(name: str, scenario: Scenario) -> list[str]:
    """Names of a codec's settings. Raises ValueError for a name that the scenario's dynamics do not have."""
    table = CODECS[scenario.dynamics]
    factory = table[known_name(f"codec of dynamics {scenario.dynamics!r}", name, table)]
    return [key for key in inspect.signature(factory).parameters if key != "scenario"]


def on_threads(name: str, scenario: Scenario, num_threads: int) -> dict[str, int]:
    """The setting with which a codec splits rows over threads; none for a codec that does not."""
    return {THREADS: num_threads} if num_threads > 1 and THREADS in settings_of(name, scenario) else {}


def check_settings(name: str, settings: Iterable[str], known: Collection[str]) -> None:
    """Raises TypeError for a setting that a codec does not have.

    The message has Python's own words for an unknown argument, too: TorchRL's GymEnv tries arguments, and leaves out
    those for which it finds these words in the error.
    """
    for setting in settings:
        if setting not in known:
            raise TypeError(
                f"codec {name!r} has no setting {setting!r}; {suggestion(setting, known)} "
                f"(unexpected keyword argument {setting!r})"
            )
