"""The check that a wrapper goes directly around an environment with dictionary spaces."""

import gymnasium
from gymnasium import spaces


def require_dictionaries(env: gymnasium.Env) -> None:
    """Raises TypeError unless both spaces of the environment are dictionaries."""
    if not isinstance(env.observation_space, spaces.Dict) or not isinstance(env.action_space, spaces.Dict):
        raise TypeError(
            "codecs and sequences go directly around the environment's dictionaries, other wrappers around them; "
            f"got observations {type(env.observation_space).__name__} and actions {type(env.action_space).__name__}"
        )
