"""The check that an environment has dictionary spaces."""

from typing import Any

import gymnasium
from gymnasium import spaces
from gymnasium.vector import VectorEnv


def require_dictionaries(env: gymnasium.Env) -> None:
    """Raises TypeError unless both spaces of the environment are dictionaries."""
    _require(env.observation_space, env.action_space)


def require_dictionaries_of_rows(env: "VectorEnv[Any, Any, Any]") -> None:
    """Raises TypeError unless both spaces of a row of the vector environment are dictionaries."""
    _require(env.single_observation_space, env.single_action_space)


def _require(observations: spaces.Space[Any], actions: spaces.Space[Any]) -> None:
    if not isinstance(observations, spaces.Dict) or not isinstance(actions, spaces.Dict):
        raise TypeError(
            "codecs and sequences go directly around the environment's dictionaries, other wrappers around them; "
            f"got observations {type(observations).__name__} and actions {type(actions).__name__}"
        )
