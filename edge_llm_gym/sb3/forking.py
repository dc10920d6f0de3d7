"""A callback that forks the rows of each group at the start of every rollout of an on-policy algorithm."""

from stable_baselines3.common.callbacks import BaseCallback

from edge_llm_gym.sb3.vec_env import NativeVecEnv


class ForkCallback(BaseCallback):
    """For PPO, A2C and MaskablePPO on a `NativeVecEnv` with groups.

    The rows of a group start each rollout in the same state and on the same tape, so their rewards less the mean of the
    others measure what their actions changed.
    """

    def _on_rollout_start(self) -> None:
        env = self.training_env
        if not isinstance(env, NativeVecEnv) or env.group < 2:
            raise ValueError("ForkCallback needs a NativeVecEnv with group=2 or more and no wrapper around it")
        self.model._last_obs = env.fork()

    def _on_step(self) -> bool:
        return True
