"""Stable-Baselines3: PPO on scores of requests and nodes, from nothing."""

from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env

import edge_llm_gym  # registers the ids

ID = "EdgeLLM/SingleNode-Flat-v0"
SETTINGS = {"codec": "priority"}
STEPS = 40_960

venv = make_vec_env(ID, n_envs=4, seed=0, env_kwargs=SETTINGS)
model = PPO(
    "MlpPolicy",
    venv,
    n_steps=256,
    batch_size=256,
    learning_rate=1e-3,
    gamma=0.9,
    gae_lambda=0.9,
    policy_kwargs={"log_std_init": -1.0},
    seed=0,
    device="cpu",
)
model.learn(STEPS)


def act(observation):
    return model.predict(observation, deterministic=True)[0]
