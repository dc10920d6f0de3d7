"""Stable-Baselines3: DQN, one request per step."""

from stable_baselines3 import DQN

import edge_llm_gym  # registers the ids

ID = "EdgeLLM/SingleNode-Sequential-v0"
STEPS = 10_000

model = DQN("MlpPolicy", ID, learning_rate=1e-3, gamma=0.95, target_update_interval=500, seed=0, device="cpu")
model.learn(STEPS)


def act(observation):
    return model.predict(observation, deterministic=True)[0]
