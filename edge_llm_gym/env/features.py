"""Names of the columns of observations: column i of a key holds the feature with the i-th name."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from edge_llm_gym.scenario import scenario_of
from edge_llm_gym.sim.exit_observation import LINK_FEATURES, QUANTILES
from edge_llm_gym.sim.pooled.observation import (
    CONTINUOUS_NODE_FEATURES,
    NODE_FEATURES,
    REQUEST_FEATURES,
    ROUTING_NODE_FEATURES,
)
from edge_llm_gym.sim.streaming.observation import NODE_FEATURES as STREAMING_NODE_FEATURES

__all__ = [
    "CONTINUOUS_NODE_FEATURES",
    "FEATURES",
    "LINK_FEATURES",
    "NODE_FEATURES",
    "QUANTILES",
    "REQUEST_FEATURES",
    "ROUTING_NODE_FEATURES",
    "STREAMING_NODE_FEATURES",
    "feature_names",
]

_Names = Mapping[str, tuple[str, ...]]
_QUEUE: Final = {"requests": REQUEST_FEATURES}
FEATURES: Final[Mapping[str, _Names]] = MappingProxyType(
    {
        "batching": MappingProxyType(_QUEUE | {"nodes": NODE_FEATURES}),
        "continuous_batching": MappingProxyType(_QUEUE | {"nodes": CONTINUOUS_NODE_FEATURES}),
        "batching_routing": MappingProxyType(_QUEUE | {"nodes": ROUTING_NODE_FEATURES, "links": LINK_FEATURES}),
        "streaming": MappingProxyType({"nodes": STREAMING_NODE_FEATURES, "links": LINK_FEATURES}),
    }
)
"""Variant of the dynamics -> observation key -> names of its columns, the last axis."""


def feature_names(env: Any) -> _Names:
    """Observation key -> names of its columns, for an environment (single or vector, wrapped or not) or a Scenario.

    Raises TypeError for anything else.
    """
    return FEATURES[scenario_of(env).variant]
