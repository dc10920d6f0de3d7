"""Stable-Baselines3: DQN, one request per step."""

from stable_baselines3 import DQN

import edge_llm_gym  # registers the ids

ID = "EdgeLLM/SingleNode-Sequential-v0"
STEPS = 6_000

model = DQN("MlpPolicy", ID, seed=0, device="cpu")
model.learn(STEPS)


def act(observation):
    return model.predict(observation, deterministic=True)[0]
