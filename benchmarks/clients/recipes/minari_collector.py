"""Minari: a dataset by DataCollector, with infos, and its environment again."""

import gymnasium
from minari import DataCollector

import edge_llm_gym  # registers the ids

ID = "EdgeLLM/SingleNode-Flat-v0"
EPISODES = 3

env = DataCollector(gymnasium.make(ID), record_infos=True)
env.action_space.seed(0)
for seed in range(EPISODES):
    env.reset(seed=seed)
    ended = False
    while not ended:
        *_, terminated, truncated, _ = env.step(env.action_space.sample())
        ended = terminated or truncated
dataset = env.create_dataset("edge-llm-gym/random-v0", algorithm_name="random")
again = dataset.recover_environment()
again.reset(seed=0)
