"""What each admission shows Gymnasium, looked up by the scenario: spaces, action reader, observer and info."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Protocol

from gymnasium import spaces

from edge_llm_gym.env import epoch, staged, stream
from edge_llm_gym.env.actions import ActionError
from edge_llm_gym.sim.observation import Observer
from edge_llm_gym.sim.scenario import Scenario
from edge_llm_gym.sim.simulator import Simulator
from edge_llm_gym.sim.staged.observation import StagedObserver
from edge_llm_gym.sim.state import Array
from edge_llm_gym.sim.stream.observation import StreamObserver

__all__ = ["SHELLS", "ActionError", "Shell", "action_space", "observation_space", "read_action", "shell_of"]


class Observes(Protocol):
    """Reads fresh observations off a simulator."""

    @property
    def observe(self) -> Callable[[], Any]:
        """() -> a NamedTuple whose fields are the keys of the observation, arrays with a leading axis of rows."""
        ...


@dataclass(frozen=True)
class Shell:
    """One kind of admission, seen from Gymnasium."""

    action_space: Callable[[Scenario], spaces.Dict]
    observation_space: Callable[[Scenario], spaces.Dict]
    read_action: Callable[[Any, tuple[int, ...], Scenario], tuple[Array, ...]]
    observer: Callable[[Simulator], Observes]
    info: Callable[[Simulator, Any], dict[str, dict[str, Array]]]
    """What a step's info holds beside metrics, totals and rewards."""


SHELLS: Final[Mapping[str, Shell]] = MappingProxyType(
    {
        "epoch": Shell(
            action_space=epoch.action_space,
            observation_space=epoch.observation_space,
            read_action=epoch.read_action,
            observer=Observer,
            info=epoch.info,
        ),
        "stream": Shell(
            action_space=stream.action_space,
            observation_space=stream.observation_space,
            read_action=stream.read_action,
            observer=StreamObserver,
            info=stream.info,
        ),
        "staged": Shell(
            action_space=staged.action_space,
            observation_space=staged.observation_space,
            read_action=staged.read_action,
            observer=StagedObserver,
            info=staged.info,
        ),
    }
)
"""Admission -> its shell."""


def shell_of(scenario: Scenario) -> Shell:
    """What the scenario's admission shows."""
    return SHELLS[scenario.admission]


def action_space(scenario: Scenario) -> spaces.Dict:
    """Action space of one row, as `env.epoch` or `env.stream` describes it."""
    return shell_of(scenario).action_space(scenario)


def observation_space(scenario: Scenario) -> spaces.Dict:
    """Observation space of one row."""
    return shell_of(scenario).observation_space(scenario)


def read_action(action: Any, rows: tuple[int, ...], scenario: Scenario) -> tuple[Array, ...]:
    """The arrays of an action, checked; raises ActionError for a malformed one."""
    return shell_of(scenario).read_action(action, rows, scenario)
