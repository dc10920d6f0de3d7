"""A vector wrapper that takes flat actions of all rows through a codec."""

from collections.abc import Mapping
from typing import Any

from gymnasium import spaces
from gymnasium.vector import VectorEnv, VectorWrapper
from gymnasium.vector.utils import batch_space

from edge_llm_gym.arrays import Array
from edge_llm_gym.codecs import Codec
from edge_llm_gym.codecs.wrappers.bound_codec import BoundCodec, masks_of
from edge_llm_gym.codecs.wrappers.checks import require_dictionaries_of_rows
from edge_llm_gym.scenario import scenario_of


class CodecVectorWrapper(VectorWrapper):
    """Flat actions [R, ...] of the rows of a vector environment, native or Gymnasium's own, decoded together.

    `codec` as for `CodecWrapper`; observations, infos and the autoreset mode are those of the wrapped environment.

    Raises TypeError for an environment without dictionary observations and actions, and for settings together with a
    codec object.
    """

    def __init__(self, env: VectorEnv[Any, Any, Any], codec: str | Codec, **settings: Any) -> None:
        super().__init__(env)
        require_dictionaries_of_rows(env)
        self._bound = BoundCodec(scenario_of(env), codec, settings)
        self.single_action_space: spaces.Space[Any] = self.codec.space
        self.action_space: spaces.Space[Any] = batch_space(self.codec.space, env.num_envs)
        self._observation: Mapping[str, Array] | None = None

    @property
    def codec(self) -> Codec:
        """The codec of the environment's present scenario."""
        return self._bound.codec

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """As in the wrapped environment. The codec follows overrides, as in `CodecWrapper.reset`."""
        has_overrides = "overrides" in (options or {})  # some vector environments take the options out of it
        observation, info = self.env.reset(seed=seed, options=options)
        self._observation = observation
        if has_overrides:
            self._bound.follow(scenario_of(self.env))
        return observation, info

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """One epoch of every row with flat actions [R, ...].

        Raises ActionError for malformed ones, before any row changes, and RuntimeError before a reset.
        """
        decoded = self.codec.decode(actions, self._rows())
        observation, reward, terminated, truncated, info = self.env.step(decoded)
        self._observation = observation
        return observation, reward, terminated, truncated, info

    def resume(self, observation: Mapping[str, Array]) -> Mapping[str, Array]:
        """Continues from observations that `env.unwrapped.restore` returned; returns them."""
        self._bound.follow(scenario_of(self.env))
        self._observation = observation
        return observation

    def action_masks(self) -> Array:
        """[R, sum of choices] bool. Raises TypeError for a codec without masks."""
        masks: Array = masks_of(self.codec, self._rows())
        return masks

    def _rows(self) -> Mapping[str, Array]:
        if self._observation is None:
            raise RuntimeError("call reset() first: there is no episode yet")
        return self._observation
