"""Dictionary observations as one vector: all keys in alphabetical order, each in row-major order."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces

from edge_llm_gym.arrays import Array
from edge_llm_gym.features.scales import scale_of
from edge_llm_gym.scenario import Scenario

Observation = Mapping[str, Array]
"""Observations of R rows: arrays with a leading axis of rows."""


class FlatVector:
    """The environment's own numbers.

    Attributes:
        space: Box [F] float32.
        layout: key -> slice of the vector.

    Raises TypeError for keys other than Box and MultiBinary.
    """

    def __init__(self, space: spaces.Dict) -> None:
        bounds = {key: bounds_of(part) for key, part in sorted(space.spaces.items())}
        self.layout, begin = {}, 0
        for key, (low, _) in bounds.items():
            self.layout[key] = slice(begin, begin + low.size)
            begin += low.size
        low, high = (np.concatenate([pair[side].ravel() for pair in bounds.values()]) for side in (0, 1))
        self.space = spaces.Box(low, high, dtype=np.float32)

    def read(self, observation: Observation) -> Array:
        """[R, F] float32."""
        parts = [np.asarray(observation[key], np.float32) for key in self.layout]
        return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)


class ScaledVector:
    """The numbers of `FlatVector`, multiplied and clipped by `edge_llm_gym.features.scales`; the same layout.

    Features lie in [0, 1] or, if they have no natural bound, in [0, FEATURE_BOUND].
    """

    def __init__(self, space: spaces.Dict, scenario: Scenario) -> None:
        self._flat = FlatVector(space)
        self.layout = self._flat.layout
        self._factor = np.ones(self._flat.space.shape, np.float32)
        high = self._flat.space.high.copy()
        for key, part in self.layout.items():
            scale = scale_of(key, scenario, space[key].shape or ())
            if scale is not None:
                self._factor[part], high[part] = scale[0].ravel(), scale[1].ravel()
        self.space = spaces.Box(self._flat.space.low, high, dtype=np.float32)

    def read(self, observation: Observation) -> Array:
        """[R, F] float32."""
        vector = self._flat.read(observation)
        vector *= self._factor
        return np.minimum(vector, self.space.high, out=vector)


def bounds_of(space: spaces.Space[Any]) -> tuple[Array, Array]:
    """Lowest and highest values of a Box or MultiBinary, float32. Raises TypeError for another space."""
    if isinstance(space, spaces.MultiBinary):
        return np.zeros(space.shape, np.float32), np.ones(space.shape, np.float32)
    if isinstance(space, spaces.Box):
        return space.low.astype(np.float32), space.high.astype(np.float32)
    raise TypeError(f"only Box and MultiBinary observations are flattened, got {space}")
