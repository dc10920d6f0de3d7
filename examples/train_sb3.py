"""Train PPO of Stable-Baselines3 on flat observations and actions, and compare the result with experts.

A codec turns the dictionary action into a flat one: "priority" takes a score for every request and node, and inserts
requests in the order of their scores where they fit.
"""

import gymnasium as gym
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env

import edge_llm_gym  # noqa: F401 - registers the environments
from edge_llm_gym.codecs.wrappers import CodecWrapper, FlatObservation
from edge_llm_gym.evaluation import compare

ENVIRONMENT = "EdgeLLM/SingleNode-v0"


def flat_env(epochs: int) -> gym.Env:
    """The environment with a Box observation and a Box action."""
    env = gym.make(ENVIRONMENT, overrides={"horizon_epochs": epochs})
    return FlatObservation(CodecWrapper(env, "priority"))


class FlatPolicy:
    """A model for flat_env as a policy of `compare`: encodes observations and decodes actions."""

    def __init__(self, env: gym.Env, model: PPO) -> None:
        self.model, self.env = model, FlatObservation(CodecWrapper(env, "priority"))

    def predict(self, observation, state=None, episode_start=None, deterministic=False):  # type: ignore[no-untyped-def]
        """The dictionary action for a dictionary observation."""
        flat, _ = self.model.predict(self.env.observation(observation), deterministic=True)
        codec = self.env.get_wrapper_attr("codec")
        decoded = codec.decode(flat[None], {key: value[None] for key, value in observation.items()})
        return {key: value[0] for key, value in decoded.items()}, state


def main(steps: int = 20_000, seeds: int = 5, epochs: int = 50) -> None:
    """Trains for `steps` environment steps and prints a comparison with two experts."""
    envs = make_vec_env(lambda: flat_env(epochs), n_envs=8, seed=1_000_000)
    model = PPO("MlpPolicy", envs, n_steps=128, batch_size=256, gamma=0.95, seed=0, device="cpu")
    model.learn(steps)
    policies = ["dftsp", "fcfs", ("ppo", lambda env: FlatPolicy(env, model))]
    result = compare(ENVIRONMENT, policies, seeds=range(seeds), overrides={"horizon_epochs": epochs})
    for name in result.policies:
        print(f"{name}: {result.mean(name, 'served_share').mean:.1%} of the value served")


if __name__ == "__main__":
    main()
