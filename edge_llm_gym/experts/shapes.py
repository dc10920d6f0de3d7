"""The check that an observation belongs to the scenario of a policy."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.exit_observation import LINK_FEATURES
from edge_llm_gym.sim.pooled.observation import CONTINUOUS_NODE_FEATURES, NODE_FEATURES

Shapes = dict[str, tuple[int, ...]]


def _batching(scenario: Scenario) -> Shapes:
    features = CONTINUOUS_NODE_FEATURES if scenario.batching == "continuous" else NODE_FEATURES
    return {
        "spectral_efficiency": (scenario.slots, len(scenario.nodes), 2),
        "nodes": (len(scenario.nodes), len(features)),
    }


def _batching_routing(scenario: Scenario) -> Shapes:
    nodes = len(scenario.nodes)
    return {"request_mask": (scenario.slots,), "links": (nodes, nodes, len(LINK_FEATURES))}


def _streaming(scenario: Scenario) -> Shapes:
    return {"spectral_efficiency": (scenario.devices.count, scenario.network.entry_nodes.size, 2)}


OBSERVED_SHAPES: Final[Mapping[str, Callable[[Scenario], Shapes]]] = MappingProxyType(
    {"batching": _batching, "batching_routing": _batching_routing, "streaming": _streaming}
)
"""Dynamics -> shapes of some keys of the observation of one row."""


def check_observation(name: str, scenario: Scenario, observation: Mapping[str, Array]) -> None:
    """Raises ValueError unless the (single or batched) observation has the shapes of the scenario."""
    for key, expected in OBSERVED_SHAPES[scenario.dynamics](scenario).items():
        received = np.shape(observation[key])[-len(expected) :]
        if received != expected:
            raise ValueError(
                f"policy {name!r} was made for scenario {scenario.name!r} with {key} of shape {expected}, got "
                f"{received}; make the policy from the environment that it acts in"
            )
