"""A wrapper that takes flat actions through a codec."""

from collections.abc import Mapping
from typing import Any

import gymnasium
from gymnasium.utils import RecordConstructorArgs

from edge_llm_gym.actions import as_array
from edge_llm_gym.arrays import Array
from edge_llm_gym.codecs import Codec
from edge_llm_gym.codecs.wrappers.bound_codec import BoundCodec, masks_of
from edge_llm_gym.codecs.wrappers.checks import require_dictionaries
from edge_llm_gym.rows import as_rows, first_row
from edge_llm_gym.scenario import scenario_of


class CodecWrapper(gymnasium.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """Flat actions through a codec, given by its name and settings or as an object.

    Raises TypeError for an environment without dictionary observations and actions, and for settings together with a
    codec object.
    """

    def __init__(self, env: gymnasium.Env, codec: str | Codec, **settings: Any) -> None:
        RecordConstructorArgs.__init__(self, codec=codec, **settings)
        super().__init__(env)
        require_dictionaries(env)
        self._bound = BoundCodec(scenario_of(env), codec, settings)
        self.action_space = self.codec.space
        self._observation: Mapping[str, Array] | None = None

    @property
    def codec(self) -> Codec:
        """The codec of the environment's present scenario."""
        return self._bound.codec

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """As in the wrapped environment.

        A codec given by its name is made anew where overrides of the reset changed the scenario of the environment.
        Raises ValueError for a codec object then, which belongs to the former scenario.
        """
        self._observation, info = self.env.reset(seed=seed, options=options)
        self._bound.follow(scenario_of(self.env))
        return self._observation, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """One epoch with a flat action. Raises ActionError for a malformed one, RuntimeError before a reset."""
        rows = self._rows()
        decoded = self.codec.decode(as_array(action, "a flat action", self.action_space.shape)[None], rows)
        self._observation, reward, terminated, truncated, info = self.env.step(first_row(decoded))
        return self._observation, reward, terminated, truncated, info

    def resume(self, observation: Mapping[str, Array]) -> Mapping[str, Array]:
        """Continues from an observation that `env.unwrapped.restore` returned; returns it."""
        self._bound.follow(scenario_of(self.env))
        self._observation = observation
        return observation

    def action_masks(self) -> Array:
        """[sum of choices] bool, as MaskablePPO expects. Raises TypeError for a codec without masks."""
        mask: Array = masks_of(self.codec, self._rows())[0]
        return mask

    def _rows(self) -> dict[str, Array]:
        if self._observation is None:
            raise RuntimeError("call reset() first: there is no episode yet")
        return as_rows(self._observation)
