"""Linear policies: few enough parameters for `scripts.search` to find them. They need NumPy alone, not PyTorch.

| dynamics | policy | what the parameters change | what decides then |
|---|---|---|---|
| batching | `LinearBatching` | prices of requests, price of node time | the exact search, node by node |
| batching_routing | `LinearBatchingRouting` | those, thresholds, offload shares | the exact search, node by node |
| streaming | `LinearStreaming` | corrections of a steady-state plan of DTO-EE | the plan |
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from numpy.typing import ArrayLike

from edge_llm_gym.linear.batching import LinearBatching
from edge_llm_gym.linear.batching_routing import LinearBatchingRouting
from edge_llm_gym.linear.policy import LinearPolicy, is_linear, read_linear
from edge_llm_gym.linear.streaming import LinearStreaming
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.settings import ConfigError

__all__ = [
    "LINEAR",
    "LinearBatching",
    "LinearBatchingRouting",
    "LinearPolicy",
    "LinearStreaming",
    "is_linear",
    "load_linear",
    "make_linear",
]

LINEAR: Final[Mapping[str, type[LinearPolicy]]] = MappingProxyType(
    {"batching": LinearBatching, "batching_routing": LinearBatchingRouting, "streaming": LinearStreaming}
)
"""Dynamics -> linear policy."""


def make_linear(
    scenario: Scenario, parameters: ArrayLike | None = None, *, search: str = "exact", num_threads: int = 1
) -> LinearPolicy:
    """The linear policy of a scenario, at zero parameters by default; the others as for `LinearPolicy`.

    Raises ValueError for dynamics without one, and as `LinearPolicy`.
    """
    if scenario.dynamics not in LINEAR:
        raise ValueError(
            f"there are linear policies for dynamics {' and '.join(map(repr, LINEAR))}, and none for "
            f"{scenario.dynamics!r} of scenario {scenario.name!r}"
        )
    return LINEAR[scenario.dynamics](scenario, parameters, search, num_threads)


def load_linear(path: str | Path, scenario: Scenario) -> LinearPolicy:
    """The policy in a file, for a scenario. Raises ConfigError where they do not fit, and for a damaged file."""
    parameters, about = read_linear(Path(path))
    if (dynamics := about["dynamics"]) != scenario.dynamics:
        raise ConfigError(
            f"{path} was found for scenario {about['scenario']!r} with dynamics {dynamics!r}, and cannot "
            f"act in scenario {scenario.name!r} with dynamics {scenario.dynamics!r}"
        )
    try:
        return make_linear(scenario, parameters, search=about.get("search", "exact"))
    except ValueError as error:
        raise ConfigError(f"{path} does not fit: {error}") from error
