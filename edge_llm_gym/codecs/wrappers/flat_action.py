"""A wrapper that takes flat actions through a codec."""

from collections.abc import Mapping
from typing import Any

import gymnasium
from gymnasium.utils import RecordConstructorArgs

from edge_llm_gym.actions import as_array
from edge_llm_gym.arrays import Array
from edge_llm_gym.codecs import Codec, make_codec
from edge_llm_gym.codecs.wrappers.checks import require_dictionaries
from edge_llm_gym.rows import as_rows, first_row
from edge_llm_gym.scenario import Scenario, scenario_of
from edge_llm_gym.scenario.episodes import changed_keys


class CodecWrapper(gymnasium.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """Flat actions through a codec, given by its name and settings or as an object.

    Raises TypeError for an environment without dictionary observations and actions, and for settings together with a
    codec object.
    """

    def __init__(self, env: gymnasium.Env, codec: str | Codec, **settings: Any) -> None:
        RecordConstructorArgs.__init__(self, codec=codec, **settings)
        super().__init__(env)
        require_dictionaries(env)
        if settings and not isinstance(codec, str):
            raise TypeError(f"settings go with a codec's name, got {sorted(settings)} beside a {type(codec).__name__}")
        self._scenario, self._given, self._settings = scenario_of(env), codec, settings
        self.codec = make_codec(codec, self._scenario, **settings) if isinstance(codec, str) else codec
        self.action_space = self.codec.space
        self._observation: Mapping[str, Array] | None = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """As in the wrapped environment.

        A codec given by its name is made anew where overrides of the reset changed the scenario of the environment.
        Raises ValueError for a codec object then, which belongs to the former scenario.
        """
        self._observation, info = self.env.reset(seed=seed, options=options)
        if scenario_of(self.env) is not self._scenario:
            self._follow(scenario_of(self.env))
        return self._observation, info

    def _follow(self, scenario: Scenario) -> None:
        if not isinstance(self._given, str):
            raise ValueError(
                f"a codec object belongs to the scenario it was made for, and overrides of the reset changed "
                f"{', '.join(changed_keys(self._scenario, scenario))}; give the codec by its name"
            )
        self._scenario, self.codec = scenario, make_codec(self._given, scenario, **self._settings)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """One epoch with a flat action. Raises ActionError for a malformed one, RuntimeError before a reset."""
        rows = self._rows()
        decoded = self.codec.decode(as_array(action, "a flat action", self.action_space.shape)[None], rows)
        self._observation, reward, terminated, truncated, info = self.env.step(first_row(decoded))
        return self._observation, reward, terminated, truncated, info

    def action_masks(self) -> Array:
        """[sum of choices] bool, as MaskablePPO expects. Raises TypeError for a codec without masks."""
        mask = self.codec.mask(self._rows())
        if mask is None:
            raise TypeError(f"{type(self.codec).__name__} actions are continuous and have no masks")
        return mask[0]

    def _rows(self) -> dict[str, Array]:
        if self._observation is None:
            raise RuntimeError("call reset() first: there is no episode yet")
        return as_rows(self._observation)
