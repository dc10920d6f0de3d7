"""The single environment with sets for observations and flat actions, for tools that want a plain Gymnasium one."""

from typing import Any

import gymnasium
import numpy as np

from agents.codecs import make_codec
from agents.config import CodecConfig
from agents.tokens import limited, make_tokens, token_space
from edge_llm_gym.arrays import Array
from edge_llm_gym.scenario import scenario_of

Observation = dict[str, Array]


class FlatEnv(gymnasium.Wrapper[Any, Any, Any, Any]):
    """One row of what `agents.adapter.NativeVecEnv` shows."""

    def __init__(self, env: gymnasium.Env, codec: CodecConfig) -> None:
        super().__init__(env)
        scenario = scenario_of(env)
        self.codec = make_codec(codec.name, scenario, **codec.settings)
        self.tokens = make_tokens(scenario)
        self.observation_space = token_space(self.tokens)
        self.action_space = self.codec.space
        self._raw: Observation = {}

    def reset(self, **settings: Any) -> tuple[Observation, dict[str, Any]]:
        """Starts an episode."""
        observation, info = self.env.reset(**settings)
        return self._seen(observation), info

    def step(self, action: Array) -> tuple[Observation, Any, bool, bool, dict[str, Any]]:
        """One epoch under a flat action."""
        decoded = self.codec.decode(np.asarray(action)[None], self._raw)
        one = {key: array[0] for key, array in decoded.items()}
        observation, reward, terminated, truncated, info = self.env.step(one)
        return self._seen(observation), reward, terminated, truncated, info

    def _seen(self, observation: Observation) -> Observation:
        self._raw = {key: np.asarray(array)[None] for key, array in observation.items()}
        return {key: array[0] for key, array in limited(self.tokens.read(self._raw)).items()}
