"""SBX: PPO of Stable-Baselines3's interface in JAX."""

from sbx import PPO

import edge_llm_gym  # registers the ids

ID = "EdgeLLM/SingleNode-Sequential-v0"
STEPS = 4_096

model = PPO("MlpPolicy", ID, seed=0)
model.learn(STEPS)


def act(observation):
    return model.predict(observation, deterministic=True)[0]
