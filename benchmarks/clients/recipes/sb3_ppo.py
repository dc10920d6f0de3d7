"""Stable-Baselines3: PPO on continuous actions."""

from stable_baselines3 import PPO

import edge_llm_gym  # registers the ids

ID = "EdgeLLM/SingleNode-Flat-v0"
STEPS = 4_096

model = PPO("MlpPolicy", ID, seed=0, device="cpu")
model.learn(STEPS)


def act(observation):
    return model.predict(observation, deterministic=True)[0]
