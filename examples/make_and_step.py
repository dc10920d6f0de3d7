"""Make an environment, step it with random actions and with an expert, and compare what they serve."""

import gymnasium as gym

import edge_llm_gym  # noqa: F401 - registers the environments
from edge_llm_gym.experts import make_expert


def main(epochs: int = 50) -> None:
    """Plays one episode of `epochs` epochs with each policy on the same requests and channels."""
    env = gym.make("EdgeLLM/MultiNode-v0", overrides={"horizon_epochs": epochs})
    expert = make_expert("ot-gah", env)
    for name in ("random", "ot-gah"):
        env.action_space.seed(0)
        observation, info = env.reset(seed=0)
        truncated = False
        while not truncated:
            action = env.action_space.sample() if name == "random" else expert.predict(observation)[0]
            observation, _, _, truncated, info = env.step(action)
        totals = info["totals"]
        print(f"{name}: {totals['served']:.0f} of {totals['arrived']:.0f} requests served in time")


if __name__ == "__main__":
    main()
