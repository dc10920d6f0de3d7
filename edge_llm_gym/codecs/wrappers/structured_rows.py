"""The dictionary observations behind a flat environment, single or vector."""

from typing import Any

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.codecs.codec import Codec
from edge_llm_gym.codecs.sequence import Sequence
from edge_llm_gym.rows import as_rows, is_single

OBSERVATION = "structured_observation"


class StructuredRows:
    """Reads the present observations of a flat environment.

    Attributes:
        codec: of the environment's scenario.

    Args:
        env: a `FlatEnv`, a `FlatVectorEnv`, or a vector environment of Gymnasium or Stable-Baselines3 whose rows are
            `FlatEnv`s, through any wrappers.

    Raises TypeError for anything else.
    """

    def __init__(self, env: Any) -> None:
        inner: Any = getattr(env, "unwrapped", None)
        self._inner = inner
        self._owner = inner if hasattr(type(inner), OBSERVATION) else None
        self.codec: Codec | Sequence = self._owner.codec if self._owner is not None else self._codec_of_rows(env)
        space = getattr(env, "single_observation_space", None) or env.observation_space
        self._ndim = len(space.shape) if space.shape is not None else None

    def read(self) -> dict[str, Array]:
        """The observations of all rows, with a leading axis of rows also for a single environment."""
        if self._owner is not None:
            observation = getattr(self._owner, OBSERVATION)
            return as_rows(observation) if is_single(observation) else dict(observation)
        rows = self._inner.get_attr(OBSERVATION)
        return {key: np.stack([row[key] for row in rows]) for key in rows[0]}

    def is_single(self, observation: Any) -> bool:
        """Whether a client that gives this observation takes an action without a leading axis of rows."""
        if isinstance(observation, dict):  # token sets
            return np.ndim(observation["item"]) == 2
        return np.ndim(observation) == self._ndim

    def _codec_of_rows(self, env: Any) -> Any:
        try:
            return self._inner.get_attr("codec")[0]
        except (AttributeError, TypeError):
            raise TypeError(
                f"actions are encoded with a codec, or for a flat environment such as 'EdgeLLM/MultiNode-Flat-v0', got "
                f"{type(self._inner or env).__name__}; pass one of these"
            ) from None
