"""The codecs that agents know: those of the environment, and those that only make sense for learning."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from agents.index_codec import Index
from agents.rule_codec import Rules
from agents.tilt_codec import Tilt
from edge_llm_gym import codecs
from edge_llm_gym.codecs import Codec
from edge_llm_gym.names import known_name
from edge_llm_gym.scenario import Scenario

OWN: Final[Mapping[str, Callable[..., Codec]]] = MappingProxyType({"index": Index, "rules": Rules, "tilt": Tilt})


def make_codec(name: str, scenario: Scenario, **settings: Any) -> Codec:
    """A codec for a scenario.

    Raises ValueError for an unknown name or one of another dynamics, TypeError for an unknown setting.
    """
    if name in OWN:
        return OWN[name](scenario, **settings)
    known_name("codec", name, [*OWN, *codecs.CODECS[scenario.dynamics]])
    return codecs.make_codec(name, scenario, **settings)
