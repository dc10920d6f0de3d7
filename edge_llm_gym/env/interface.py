"""What each admission shows Gymnasium, looked up by the scenario: spaces, action reader, observer and info."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Protocol

from gymnasium import spaces

from edge_llm_gym.actions import ActionError
from edge_llm_gym.arrays import Array
from edge_llm_gym.env import batching as epoch
from edge_llm_gym.env import batching_routing as staged
from edge_llm_gym.env import streaming as stream
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.pooled.observation import PooledObserver
from edge_llm_gym.sim.simulator import Simulator
from edge_llm_gym.sim.streaming.observation import StreamingObserver

__all__ = [
    "INTERFACES",
    "ActionError",
    "GymInterface",
    "action_space",
    "interface_of",
    "observation_space",
    "read_action",
]


class Observes(Protocol):
    """Reads fresh observations off a simulator."""

    @property
    def observe(self) -> Callable[[], Any]:
        """() -> a NamedTuple whose fields are the keys of the observation, arrays with a leading axis of rows."""
        ...


@dataclass(frozen=True)
class GymInterface:
    """One kind of dynamics, seen from Gymnasium."""

    action_space: Callable[[Scenario], spaces.Dict]
    observation_space: Callable[[Scenario], spaces.Dict]
    read_action: Callable[[Any, tuple[int, ...], Scenario], tuple[Array, ...]]
    observer: Callable[[Simulator], Observes]
    info: Callable[[Simulator, Any], dict[str, dict[str, Array]]]
    """What a step's info holds beside metrics, totals and rewards."""


INTERFACES: Final[Mapping[str, GymInterface]] = MappingProxyType(
    {
        "batching": GymInterface(
            action_space=epoch.action_space,
            observation_space=epoch.observation_space,
            read_action=epoch.read_action,
            observer=PooledObserver,
            info=epoch.info,
        ),
        "streaming": GymInterface(
            action_space=stream.action_space,
            observation_space=stream.observation_space,
            read_action=stream.read_action,
            observer=StreamingObserver,
            info=stream.info,
        ),
        "batching_routing": GymInterface(
            action_space=staged.action_space,
            observation_space=staged.observation_space,
            read_action=staged.read_action,
            observer=PooledObserver,
            info=staged.info,
        ),
    }
)
"""Admission -> its shell."""


def interface_of(scenario: Scenario) -> GymInterface:
    """What the scenario's admission shows."""
    return INTERFACES[scenario.dynamics]


def action_space(scenario: Scenario) -> spaces.Dict:
    """Action space of one row, as `env.epoch` or `env.stream` describes it."""
    return interface_of(scenario).action_space(scenario)


def observation_space(scenario: Scenario) -> spaces.Dict:
    """Observation space of one row."""
    return interface_of(scenario).observation_space(scenario)


def read_action(action: Any, rows: tuple[int, ...], scenario: Scenario) -> tuple[Array, ...]:
    """The arrays of an action, checked; raises ActionError for a malformed one."""
    return interface_of(scenario).read_action(action, rows, scenario)
