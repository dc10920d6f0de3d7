"""The native vector environment as a VecEnv of Stable-Baselines3: flat actions, one info per row.

A reader turns dictionary observations into what the model observes, by default the arrays of `features.tokens`.
A codec turns flat actions into dictionary actions. The vector environment's own nested info, arrays over all rows, is
available as `last_info`.
"""

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvStepReturn

from edge_llm_gym.arrays import Array
from edge_llm_gym.codecs import Codec
from edge_llm_gym.env.vector_env import EdgeLLMVectorEnv
from edge_llm_gym.sb3.observations import Reader, TokenReader

Observations = dict[str, Array]
Observed = Any
"""What the model observes: an array or a dictionary of arrays with a leading axis of rows."""
ADAPTER_ATTRIBUTES = frozenset({"action_masks", "codec", "reader"})
"""Attributes of the adapter itself; `get_attr` and `env_method` look up all others in the vector environment."""


class NativeVecEnv(VecEnv):
    """All rows of an EdgeLLMVectorEnv behind Stable-Baselines3's VecEnv.

    `reward_scale` multiplies the rewards that the algorithm receives; `episode` in the info of a row's last step holds
    the unscaled return "r" and the length "l".

    With `group` G > 1, each G consecutive rows share their tapes, and the algorithm receives a row's reward less the
    mean of the other rows of its group in the same epoch (the leave-one-out baseline): shared luck cancels.
    `fork` continues all rows of a group from the state of its first one; the callback
    `edge_llm_gym.sb3.forking.ForkCallback` calls it at the start of each rollout, so that rows differ by the actions of
    one rollout alone. The baseline depends on no action of the row, so policy gradients stay unbiased. Returns in infos
    are those of the environment.

    Raises ValueError unless G divides the number of rows, and for rows in another autoreset mode than SAME_STEP.
    """

    def __init__(
        self,
        envs: EdgeLLMVectorEnv,
        codec: Codec,
        reward_scale: float = 1.0,
        reader: Reader | None = None,
        group: int = 1,
    ) -> None:
        if envs.autoreset_mode is not AutoresetMode.SAME_STEP:
            raise ValueError(f"Stable-Baselines3 resets in the same step; got autoreset mode {envs.autoreset_mode}")
        if group < 1 or envs.num_envs % group:
            raise ValueError(
                f"rows are divided into groups of the same size, got {envs.num_envs} rows and group {group}"
            )
        self.group = group
        self._leaders = np.arange(envs.num_envs) // group * group
        self.envs, self.codec, self.reader = envs, codec, reader or TokenReader(envs.scenario)
        self.reward_scale = reward_scale
        self.raw: Observations = {}
        self.last_info: dict[str, Any] = {}
        self.last_action: Observations = {}
        self.returns = np.zeros(envs.num_envs)
        self.lengths = np.zeros(envs.num_envs, np.int64)
        self._action: Observations | None = None
        super().__init__(envs.num_envs, self.reader.space, codec.space)

    def reset(self) -> Observed:
        """Starts a new episode in every row, with the seeds given by `seed` before."""
        seeds = self._seeds if any(seed is not None for seed in self._seeds) else None
        if seeds is None and self.group > 1:
            seeds = np.random.default_rng().integers(2**31, size=self.num_envs).tolist()
        if seeds is not None:
            seeds = [seeds[leader] for leader in self._leaders]
        self.raw, self.last_info = self.envs.reset(seed=seeds)
        self._reset_seeds()
        self._reset_options()
        self.returns[:], self.lengths[:] = 0.0, 0
        return self.observe()

    def fork(self) -> Observed:
        """Continues every row from the state of its group's first row; returns what the model observes then."""
        followers = np.flatnonzero(self._leaders != np.arange(self.num_envs))
        leaders = self._leaders[followers]
        self.envs.simulator.copy_rows(leaders, followers)
        for array in (*self.raw.values(), self.returns, self.lengths):
            array[followers] = array[leaders]
        return self.observe()

    def observe(self) -> Observed:
        """What the model observes now, in all rows."""
        return self.reader.read(self.raw)

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
        # The algorithm adds to rewards in place, so it gets arrays of its own.
        learned = (self._less_others(rewards) * self.reward_scale).astype(np.float32)
        return self.observe(), learned, truncated.copy(), infos

    def _less_others(self, rewards: Array) -> Array:
        """Rewards [R] less the mean of the others in the group; the rewards themselves for groups of one."""
        if self.group == 1:
            return rewards
        groups = rewards.reshape(-1, self.group)
        return ((groups - groups.mean(axis=1, keepdims=True)) * self.group / (self.group - 1)).ravel()

    def _close_episodes(self, ended: Array, infos: list[dict[str, Any]]) -> None:
        """Fills the infos of rows whose episode has just been truncated, in the library's form."""
        finals = [self.last_info["final_obs"][row] for row in ended]
        raw = {key: np.stack([final[key] for final in finals]) for key in finals[0]}
        terminal = self.reader.read(raw)
        for index, row in enumerate(ended):
            infos[row] = {
                "terminal_observation": _row_of(terminal, index),
                "TimeLimit.truncated": True,
                "episode": {"r": float(self.returns[row]), "l": int(self.lengths[row]), "t": 0.0},
            }
        self.returns[ended], self.lengths[ended] = 0.0, 0

    def action_masks(self) -> Array:
        """[R, sum(nvec)] bool. Raises ValueError for a codec without masks."""
        masks = self.codec.mask(self.raw)
        if masks is None:
            raise ValueError("the codec has no masks; MaskablePPO needs a codec with masks, such as 'multidiscrete'")
        return masks

    def close(self) -> None:
        """Closes the vector environment."""
        self.envs.close()

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """The attribute of the vector environment (or of this adapter), once for each requested row."""
        owner = self if attr_name in ADAPTER_ATTRIBUTES else self.envs
        return [getattr(owner, attr_name)] * len(self._rows(indices))

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Sets an attribute of the vector environment, for all rows. Raises ValueError for some of the rows."""
        if len(self._rows(indices)) < self.num_envs:
            raise ValueError("rows of the native vector environment share their attributes; set them for all rows")
        setattr(self.envs, attr_name, value)

    def env_method(self, method_name: str, *args: Any, indices: VecEnvIndices = None, **kwargs: Any) -> list[Any]:
        """The result of a method that returns one value per row, for each requested row."""
        owner = self if method_name in ADAPTER_ATTRIBUTES else self.envs
        results = getattr(owner, method_name)(*args, **kwargs)
        return [results[row] for row in self._rows(indices)]

    def env_is_wrapped(self, wrapper_class: type[gymnasium.Wrapper], indices: VecEnvIndices = None) -> list[bool]:
        """False for every row: native rows have no wrappers."""
        return [False] * len(self._rows(indices))

    def _rows(self, indices: VecEnvIndices) -> Sequence[int]:
        return list(self._get_indices(indices))


def _row_of(observed: Observed, row: int) -> Observed:
    if isinstance(observed, dict):
        return {key: array[row] for key, array in observed.items()}
    return observed[row]
