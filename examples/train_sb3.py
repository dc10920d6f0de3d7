"""Train PPO of Stable-Baselines3 on a flat id, and compare the result with experts.

A codec turns the dictionary action into a flat one: "priority" takes a score for every request and node, and inserts
requests in the order of their scores where they fit.
"""

import gymnasium as gym
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env

import edge_llm_gym  # noqa: F401 - registers the environments
from edge_llm_gym.evaluation import compare
from edge_llm_gym.sb3 import DecodedPolicy

ENVIRONMENT, CODEC = "EdgeLLM/SingleNode-v0", "priority"


def flat_env(epochs: int) -> gym.Env:
    """The environment with a Box observation and a Box action."""
    return gym.make("EdgeLLM/SingleNode-Flat-v0", codec=CODEC, overrides={"horizon_epochs": epochs})


def main(steps: int = 20_000, seeds: int = 5, epochs: int = 50) -> None:
    """Trains for `steps` environment steps and prints a comparison with two experts."""
    envs = make_vec_env(lambda: flat_env(epochs), n_envs=8, seed=1_000_000)
    model = PPO("MlpPolicy", envs, n_steps=128, batch_size=256, gamma=0.95, seed=0, device="cpu")
    model.learn(steps)
    policies = ["dftsp", "fcfs", ("ppo", lambda env: DecodedPolicy(model, env, CODEC))]
    result = compare(ENVIRONMENT, policies, seeds=range(seeds), overrides={"horizon_epochs": epochs})
    for name in result.policies:
        print(f"{name}: {result.mean(name, 'served_share').mean:.1%} of the value served")


if __name__ == "__main__":
    main()
