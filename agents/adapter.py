"""The native vector environment as Stable-Baselines3 sees it: sets in, flat actions out, one dictionary of info a row.

Between the two stand a token reader (dictionary observation -> sets of `agents.tokens`) and a codec (flat action ->
dictionary action). The vector's own nested info stays at `last_info`, arrays over all rows, for those who count.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvStepReturn

from agents.codecs import make_codec
from agents.tokens import Tokens, limited, make_tokens, token_space
from edge_llm_gym.arrays import Array
from edge_llm_gym.codecs import Codec
from edge_llm_gym.env.vector_env import EdgeLLMVectorEnv

Observations = dict[str, Array]


class NativeVecEnv(VecEnv):
    """All rows of an EdgeLLMVectorEnv behind Stable-Baselines3's VecEnv.

    `reward_scale` multiplies the rewards that the learner sees; `episode` in the info of a row's last step holds the
    unscaled return "r" and the length "l".
    """

    def __init__(self, envs: EdgeLLMVectorEnv, codec: Codec, tokens: Tokens, reward_scale: float = 1.0) -> None:
        self.envs, self.codec, self.tokens = envs, codec, tokens
        self.reward_scale = reward_scale
        self.raw: Observations = {}
        self.last_info: dict[str, Any] = {}
        self.last_action: Observations = {}
        self.returns = np.zeros(envs.num_envs)
        self.lengths = np.zeros(envs.num_envs, np.int64)
        self._action: Observations | None = None
        super().__init__(envs.num_envs, token_space(tokens), codec.space)

    def reset(self) -> Observations:
        """Starts every row anew, with the seeds given by `seed` before."""
        seeds = self._seeds if any(seed is not None for seed in self._seeds) else None
        self.raw, self.last_info = self.envs.reset(seed=seeds)
        self._reset_seeds()
        self._reset_options()
        self.returns[:], self.lengths[:] = 0.0, 0
        return self.observe()

    def observe(self) -> Observations:
        """The sets of what every row shows now."""
        return limited(self.tokens.read(self.raw))

    def step_async(self, actions: Array) -> None:
        """Takes flat actions [R, ...]."""
        self._action = self.codec.decode(actions, self.raw)

    def step_wait(self) -> VecEnvStepReturn:
        """One epoch of every row."""
        if self._action is None:
            raise RuntimeError("step_async() comes before step_wait()")
        self.last_action, self._action = self._action, None
        self.raw, rewards, _, truncated, self.last_info = self.envs.step(self.last_action)
        self.returns += rewards
        self.lengths += 1
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        if truncated.any():
            self._close_episodes(np.flatnonzero(truncated), infos)
        # The learner adds to rewards in place, so it gets arrays of its own.
        return self.observe(), (rewards * self.reward_scale).astype(np.float32), truncated.copy(), infos

    def _close_episodes(self, ended: Array, infos: list[dict[str, Any]]) -> None:
        """What the library wants to know of rows whose episode has just been truncated."""
        finals = [self.last_info["final_obs"][row] for row in ended]
        raw = {key: np.stack([final[key] for final in finals]) for key in finals[0]}
        terminal = limited(self.tokens.read(raw))
        for place, row in enumerate(ended):
            infos[row] = {
                "terminal_observation": {key: array[place] for key, array in terminal.items()},
                "TimeLimit.truncated": True,
                "episode": {"r": float(self.returns[row]), "l": int(self.lengths[row]), "t": 0.0},
            }
        self.returns[ended], self.lengths[ended] = 0.0, 0

    def action_masks(self) -> Array:
        """[R, sum(nvec)] bool. Raises ValueError where the codec has no masks, or a choice would have nothing left."""
        masks = self.codec.mask(self.raw)
        if masks is None:
            raise ValueError("the codec has no masks; MaskablePPO needs one that has, such as 'multidiscrete'")
        return masks

    def close(self) -> None:
        """Closes the vector environment."""
        self.envs.close()

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """The attribute of the vector environment (or this adapter), once for each row asked for."""
        owner = self if attr_name in ADAPTER_ATTRIBUTES else self.envs
        return [getattr(owner, attr_name)] * len(self._rows(indices))

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Sets an attribute of the vector environment, for all rows. Raises ValueError for some of the rows."""
        if len(self._rows(indices)) < self.num_envs:
            raise ValueError("rows of the native vector environment share their attributes; set them for all rows")
        setattr(self.envs, attr_name, value)

    def env_method(self, method_name: str, *args: Any, indices: VecEnvIndices = None, **kwargs: Any) -> list[Any]:
        """What a method that answers for all rows says of each row asked for."""
        owner = self if method_name in ADAPTER_ATTRIBUTES else self.envs
        answer = getattr(owner, method_name)(*args, **kwargs)
        return [answer[row] for row in self._rows(indices)]

    def env_is_wrapped(self, wrapper_class: type[gymnasium.Wrapper], indices: VecEnvIndices = None) -> list[bool]:
        """Nothing is wrapped around a native row."""
        return [False] * len(self._rows(indices))

    def _rows(self, indices: VecEnvIndices) -> Sequence[int]:
        return list(self._get_indices(indices))


ADAPTER_ATTRIBUTES = frozenset({"action_masks", "codec", "tokens"})


def make_vec(
    environment: str,
    rows: int,
    *,
    codec: str,
    codec_settings: Mapping[str, Any] | None = None,
    reward_scale: float = 1.0,
    **settings: Any,
) -> NativeVecEnv:
    """The adapter over `rows` native rows of an environment id; `settings` go to gymnasium.make_vec."""
    envs = gymnasium.make_vec(environment, num_envs=rows, vectorization_mode="vector_entry_point", **settings)
    assert isinstance(envs, EdgeLLMVectorEnv)
    scenario = envs.scenario
    return NativeVecEnv(
        envs, make_codec(codec, scenario, **(codec_settings or {})), make_tokens(scenario), reward_scale
    )
