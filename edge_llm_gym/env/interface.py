"""The Gymnasium interface of each kind of dynamics: spaces, action reader, observer and info."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from gymnasium import spaces

from edge_llm_gym.arrays import Array
from edge_llm_gym.env import batching, batching_routing, continuous_batching, streaming
from edge_llm_gym.env.info import Info
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.observing import Observer
from edge_llm_gym.sim.pooled.continuous.observation import ContinuousObserver
from edge_llm_gym.sim.pooled.observation import PooledObserver
from edge_llm_gym.sim.simulator import Simulator
from edge_llm_gym.sim.streaming.observation import StreamingObserver


@dataclass(frozen=True)
class GymInterface:
    """The Gymnasium interface of one kind of dynamics."""

    action_space: Callable[[Scenario], spaces.Dict]
    """Action space of one row."""
    observation_space: Callable[[Scenario], spaces.Dict]
    """Observation space of one row."""
    read_action: Callable[[Any, tuple[int, ...], Scenario], tuple[Array, ...]]
    """(action, leading axes, scenario) -> checked arrays for `Simulator.step`; raises ActionError."""
    observer: Callable[[Simulator], Observer]
    """Makes the observer of a simulator."""
    info: Callable[[Simulator, Any], Info]
    """(simulator, result of a step) -> entries of the step's info that depend on the dynamics."""


INTERFACES: Final[Mapping[str, GymInterface]] = MappingProxyType(
    {
        "batching": GymInterface(
            action_space=batching.action_space,
            observation_space=batching.observation_space,
            read_action=batching.read_action,
            observer=PooledObserver,
            info=batching.info,
        ),
        "continuous_batching": GymInterface(
            action_space=batching.action_space,
            observation_space=continuous_batching.observation_space,
            read_action=batching.read_action,
            observer=ContinuousObserver,
            info=continuous_batching.info,
        ),
        "batching_routing": GymInterface(
            action_space=batching_routing.action_space,
            observation_space=batching_routing.observation_space,
            read_action=batching_routing.read_action,
            observer=PooledObserver,
            info=batching_routing.info,
        ),
        "streaming": GymInterface(
            action_space=streaming.action_space,
            observation_space=streaming.observation_space,
            read_action=streaming.read_action,
            observer=StreamingObserver,
            info=streaming.info,
        ),
    }
)
"""Variant of the dynamics -> Gymnasium interface."""


def interface_of(scenario: Scenario) -> GymInterface:
    """The Gymnasium interface of a scenario's dynamics."""
    return INTERFACES[scenario.variant]
