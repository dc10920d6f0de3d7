"""Factors and bounds that bring the features of an observation to useful ranges for a network.

The environments divide constants of nodes and links by the same numbers in every scenario, so small devices show values
like 0.0008. Here they are relative to the largest value in the scenario, and live features without a natural bound
are clipped to FEATURE_BOUND, as in the token features.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.decoding.pair_features import FEATURE_BOUND
from edge_llm_gym.features.batching import BUSY_EPOCHS
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.exit_observation import link_features
from edge_llm_gym.sim.pooled import observation as pooled
from edge_llm_gym.sim.streaming import observation as streaming

Scale = tuple[Array, Array]
"""Factor, and upper bound of the product, of every number of a key in one row, float32."""

RELATIVE: Final = ("flops", "memory_bandwidth", "weights", "kv_capacity_bytes", "uplink_hz", "downlink_hz")
"""Constants of nodes that are divided by the largest in the scenario."""
FACTORS: Final[Mapping[str, float]] = MappingProxyType(
    {
        "time_until_free": 1.0 / BUSY_EPOCHS,
        "remaining_work": 1.0 / BUSY_EPOCHS,
        "sequences": 1.0,
        "committed": 1.0,
        "sent": 1.0,
    }
)
"""Live features of nodes without a natural bound -> factor; they are clipped to FEATURE_BOUND."""
NODE_FEATURES: Final[Mapping[str, Sequence[str]]] = MappingProxyType(
    {
        "batching": pooled.NODE_FEATURES,
        "continuous_batching": pooled.CONTINUOUS_NODE_FEATURES,
        "batching_routing": pooled.ROUTING_NODE_FEATURES,
        "streaming": streaming.NODE_FEATURES,
    }
)
"""Variant of the dynamics -> columns of `nodes`."""


def scale_of(key: str, scenario: Scenario, shape: tuple[int, ...]) -> Scale | None:
    """The scale of a key of this shape; None for a key whose numbers stay as they are."""
    return SCALES[key](scenario, shape) if key in SCALES else None


def _counts(scenario: Scenario, shape: tuple[int, ...]) -> Scale:
    """Counts relative to their means or to the number of slots."""
    return np.ones(shape, np.float32), np.full(shape, FEATURE_BOUND, np.float32)


def _nodes(scenario: Scenario, shape: tuple[int, ...]) -> Scale:
    names = NODE_FEATURES[scenario.variant]
    factor, high = np.ones(shape, np.float32), np.ones(shape, np.float32)
    largest = _largest_constants(scenario)
    for column, name in enumerate(names):
        if name in FACTORS:
            factor[:, column], high[:, column] = FACTORS[name], FEATURE_BOUND
        elif name in RELATIVE:
            factor[:, column], high[:, column] = _inverse(largest[name]), FEATURE_BOUND
    return factor, high


def _links(scenario: Scenario, shape: tuple[int, ...]) -> Scale:
    factor = np.array([_inverse(float(column.max())) for column in np.moveaxis(link_features(scenario.network), -1, 0)])
    high = np.where(factor == 1.0, 1.0, FEATURE_BOUND)
    return np.broadcast_to(factor, shape).astype(np.float32), np.broadcast_to(high, shape).astype(np.float32)


def _largest_constants(scenario: Scenario) -> dict[str, float]:
    """The largest observed value of each constant among the nodes."""
    if scenario.variant == "streaming":
        values = streaming.streaming_scales(scenario).nodes
        return dict(zip(streaming.NODE_FEATURES, values.max(axis=0).tolist(), strict=True))
    values = pooled.observation_scales(scenario).node_constants
    return dict(zip(pooled.CONSTANT_NODE_FEATURES, values.max(axis=0).tolist(), strict=False))  # the stage comes after


def _inverse(largest: float) -> float:
    return 1.0 / largest if largest > 0.0 else 1.0


SCALES: Final[Mapping[str, Callable[[Scenario, tuple[int, ...]], Scale]]] = MappingProxyType(
    {"arrivals": _counts, "backlog": _counts, "links": _links, "nodes": _nodes}
)
"""Key -> its scale; all others are in [0, 1] already."""
