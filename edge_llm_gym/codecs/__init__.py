"""Codecs: flat actions, as learning libraries want them, to the environment's dictionary actions and back, in batches.

| codec | flat action | serves | dynamics |
|---|---|---|---|
| `multidiscrete` | MultiDiscrete with masks | PPO, A2C, MaskablePPO | all; a node per slot, levels of what flows |
| `box` | Box in [-1, 1] | PPO, A2C, SAC, TD3 | all |
| `priority` | Box in [-1, 1], a score per request and node | PPO, A2C, SAC, TD3 | batching, batching_routing |
| `priced` | Box in [-1, 1], a price per request | PPO, A2C, SAC, TD3 | batching, batching_routing |
| `weighted_priority` | Box in [-1, 1], weights of the linear score | PPO, A2C, SAC, TD3 | batching |
| `dispatch_rule` | Discrete, a rule and an overrun | DQN, PPO, A2C | batching |
| `residual_routing` | Box in [-1, 1], corrections of a steady plan | PPO, A2C, SAC, TD3 | streaming |

In batching-and-routing dynamics the numbers for offload and thresholds come behind those for the batches.
"""

import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from edge_llm_gym.codecs.batching_routing import STAGED
from edge_llm_gym.codecs.box import EpochBox, StreamBox
from edge_llm_gym.codecs.codec import Codec
from edge_llm_gym.codecs.dispatch_rule import DispatchRule
from edge_llm_gym.codecs.multidiscrete import EpochMultiDiscrete, StreamMultiDiscrete
from edge_llm_gym.codecs.priced import Priced
from edge_llm_gym.codecs.priority import Priority
from edge_llm_gym.codecs.residual_routing import ResidualRouting
from edge_llm_gym.codecs.weighted_priority import WeightedPriority
from edge_llm_gym.names import known_name, suggestion
from edge_llm_gym.scenario import Scenario

__all__ = ["CODECS", "Codec", "make_codec"]

CODECS: Final[Mapping[str, Mapping[str, Callable[..., Codec]]]] = MappingProxyType(
    {
        "batching": {
            "multidiscrete": EpochMultiDiscrete,
            "box": EpochBox,
            "priority": Priority,
            "priced": Priced,
            "weighted_priority": WeightedPriority,
            "dispatch_rule": DispatchRule,
        },
        "streaming": {
            "multidiscrete": StreamMultiDiscrete,
            "box": StreamBox,
            "residual_routing": ResidualRouting,
        },
        "batching_routing": STAGED,
    }
)
"""Dynamics -> codecs by name."""


def make_codec(name: str, scenario: Scenario, **settings: Any) -> Codec:
    """A codec for a scenario; settings are those of its class.

    Raises ValueError for a name that the scenario's dynamics do not have, TypeError for an unknown setting.
    """
    table = CODECS[scenario.dynamics]
    factory = table[known_name(f"codec of dynamics {scenario.dynamics!r}", name, table)]
    known = [setting for setting in inspect.signature(factory).parameters if setting != "scenario"]
    for setting in settings:
        if setting not in known:
            raise TypeError(f"codec {name!r} has no setting {setting!r}; {suggestion(setting, known)}")
    return factory(scenario, **settings)
