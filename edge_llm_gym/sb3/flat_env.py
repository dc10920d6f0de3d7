"""The single environment with token observations and flat actions, for tools that take a plain environment."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium.utils import RecordConstructorArgs

from edge_llm_gym.actions import as_array
from edge_llm_gym.arrays import Array
from edge_llm_gym.codecs import make_codec
from edge_llm_gym.sb3.tokens import make_tokens, read_tokens, token_space
from edge_llm_gym.scenario import scenario_of

Observation = dict[str, Array]


class FlatEnv(gymnasium.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """One row of what `edge_llm_gym.sb3.NativeVecEnv` shows; `codec` is a name, `settings` are the codec's."""

    def __init__(self, env: gymnasium.Env, codec: str, **settings: Any) -> None:
        RecordConstructorArgs.__init__(self, codec=codec, **settings)
        super().__init__(env)
        scenario = scenario_of(env)
        self.codec = make_codec(codec, scenario, **settings)
        self.tokens = make_tokens(scenario)
        self.observation_space = token_space(self.tokens)
        self.action_space = self.codec.space
        self._raw: Observation = {}

    def reset(self, **settings: Any) -> tuple[Observation, dict[str, Any]]:
        """Starts an episode."""
        observation, info = self.env.reset(**settings)
        return self._observe(observation), info

    def step(self, action: Array) -> tuple[Observation, Any, bool, bool, dict[str, Any]]:
        """One epoch under a flat action."""
        decoded = self.codec.decode(as_array(action, "a flat action", self.action_space.shape)[None], self._raw)
        one = {key: array[0] for key, array in decoded.items()}
        observation, reward, terminated, truncated, info = self.env.step(one)
        return self._observe(observation), reward, terminated, truncated, info

    def _observe(self, observation: Observation) -> Observation:
        self._raw = {key: np.asarray(array)[None] for key, array in observation.items()}
        return {key: array[0] for key, array in read_tokens(self.tokens, self._raw).items()}
