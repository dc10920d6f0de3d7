"""A wrapper that flattens dictionary observations."""

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs

from edge_llm_gym.arrays import Array


class FlatObservation(gymnasium.ObservationWrapper[Any, Any, Any], RecordConstructorArgs):
    """All keys of a dictionary observation in one float32 vector, in alphabetical order, each in row-major order.

    Attributes:
        layout: key -> slice of the vector.

    Raises TypeError for an environment without dictionary observations.
    """

    def __init__(self, env: gymnasium.Env) -> None:
        RecordConstructorArgs.__init__(self)
        super().__init__(env)
        if not isinstance(env.observation_space, spaces.Dict):
            raise TypeError(f"only dictionary observations are flattened, got {env.observation_space}")
        low, high, self.layout, begin = [], [], {}, 0
        for key, space in sorted(env.observation_space.spaces.items()):
            box = _bounds(space)
            low.append(box[0].ravel())
            high.append(box[1].ravel())
            self.layout[key] = slice(begin, begin + box[0].size)
            begin += box[0].size
        self.observation_space = spaces.Box(np.concatenate(low), np.concatenate(high), dtype=np.float32)

    def observation(self, observation: Mapping[str, Array]) -> Array:
        """The vector [sum of sizes] float32."""
        return np.concatenate([np.asarray(observation[key], np.float32).ravel() for key in self.layout])

    def action_masks(self) -> Array:
        """The masks of the wrapped environment."""
        masks: Array = self.env.get_wrapper_attr("action_masks")()
        return masks


def _bounds(space: spaces.Space[Any]) -> tuple[Array, Array]:
    """Lowest and highest values of a Box or MultiBinary, float32."""
    if isinstance(space, spaces.MultiBinary):
        return np.zeros(space.shape, np.float32), np.ones(space.shape, np.float32)
    if isinstance(space, spaces.Box):
        return space.low.astype(np.float32), space.high.astype(np.float32)
    raise TypeError(f"only Box and MultiBinary observations are flattened, got {space}")
