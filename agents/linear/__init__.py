"""Linear policies, few enough in numbers for a search to find them.

| admission | policy | what the numbers bend | what does the rest |
|---|---|---|---|
| epoch | `LinearPrices` | prices of requests, rents of the nodes' time | the exact search, node by node |
| staged | `LinearStaged` | those, thresholds, and shares of the deeper nodes | the exact search, node by node |
| stream | `LinearTilt` | a steady plan of DTO-EE, by the queues | the plan |
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from numpy.typing import ArrayLike

from agents.config import ConfigError
from agents.linear.policy import LinearPolicy, is_linear, read_linear
from agents.linear.prices import LinearPrices
from agents.linear.staged import LinearStaged
from agents.linear.tilt import LinearTilt
from edge_llm_gym.scenario import Scenario

__all__ = [
    "LINEAR",
    "LinearPolicy",
    "LinearPrices",
    "LinearStaged",
    "LinearTilt",
    "is_linear",
    "load_linear",
    "make_linear",
]

LINEAR: Final[Mapping[str, type[LinearPolicy]]] = MappingProxyType(
    {"batching": LinearPrices, "batching_routing": LinearStaged, "streaming": LinearTilt}
)
"""Admission -> linear policy."""


def make_linear(scenario: Scenario, parameters: ArrayLike | None = None) -> LinearPolicy:
    """The linear policy of a scenario, at zero parameters by default.

    Raises ValueError for an admission without one, and for a wrong number of parameters.
    """
    if scenario.dynamics not in LINEAR:
        raise ValueError(
            f"there are linear policies for admission {' and '.join(map(repr, LINEAR))}, and none for "
            f"{scenario.dynamics!r} of scenario {scenario.name!r}"
        )
    return LINEAR[scenario.dynamics](scenario, parameters)


def load_linear(path: Path, scenario: Scenario) -> LinearPolicy:
    """The policy of a file for a scenario. Raises ConfigError where they do not fit."""
    parameters, about = read_linear(path)
    dynamics = about.get("dynamics")
    if dynamics != scenario.dynamics:
        raise ConfigError(
            f"{path} was found for scenario {about['scenario']!r} with dynamics {dynamics!r}, and cannot "
            f"act in scenario {scenario.name!r} with dynamics {scenario.dynamics!r}"
        )
    try:
        return make_linear(scenario, parameters)
    except ValueError as error:
        raise ConfigError(f"{path} does not fit: {error}") from error
