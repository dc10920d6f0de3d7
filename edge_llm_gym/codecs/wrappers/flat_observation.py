"""A wrapper that flattens dictionary observations."""

from collections.abc import Mapping
from typing import Any

import gymnasium
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs

from edge_llm_gym.arrays import Array
from edge_llm_gym.features.vectors import FlatVector
from edge_llm_gym.rows import as_rows


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
        self._vector = FlatVector(env.observation_space)
        self.layout, self.observation_space = self._vector.layout, self._vector.space

    def observation(self, observation: Mapping[str, Array]) -> Array:
        """The vector [sum of sizes] float32."""
        vector: Array = self._vector.read(as_rows(observation))[0]
        return vector

    def action_masks(self) -> Array:
        """The masks of the wrapped environment."""
        masks: Array = self.env.get_wrapper_attr("action_masks")()
        return masks
