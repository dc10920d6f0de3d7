"""Minari: datasets of every kind of id and scenario; the recovered environment repeats the recorded rewards."""

import gymnasium
import numpy as np
import yaml
from minari import DataCollector

import edge_llm_gym  # registers the ids
from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.scenario.loading import scenario_data

ID = "EdgeLLM/SingleNode-v0"
SHORT = {"horizon_epochs": 8}

scenario = load_scenario("single-node", SHORT)
with open("mine.yaml", "w") as file:
    yaml.safe_dump(scenario_data(scenario), file)
MADE = {
    "dictionaries": (ID, {"overrides": SHORT}),
    "flat": ("EdgeLLM/SingleNode-Flat-v0", {"overrides": SHORT, "codec": "priority"}),
    "multidiscrete": ("EdgeLLM/SingleNode-MultiDiscrete-v0", {"overrides": SHORT}),
    "sequential": ("EdgeLLM/SingleNode-Sequential-v0", {"overrides": SHORT}),
    "object": (ID, {"scenario": scenario}),
    "flat-object": ("EdgeLLM/SingleNode-Flat-v0", {"scenario": scenario}),
    "path": (ID, {"scenario": "mine.yaml"}),
    "flat-path": ("EdgeLLM/SingleNode-Flat-v0", {"scenario": "mine.yaml"}),
}


def rewards(env, choose):
    """Rewards of the episode with seed 3, under `choose(step)`."""
    env.reset(seed=3)
    found, ended = [], False
    while not ended:
        _, reward, terminated, truncated, _ = env.step(choose(len(found)))
        found.append(reward)
        ended = terminated or truncated
    return found


def action_at(actions, step):
    if isinstance(actions, dict):
        return {key: array[step] for key, array in actions.items()}
    return actions[step]


for name, (environment, settings) in MADE.items():
    env = DataCollector(gymnasium.make(environment, **settings), record_infos=True)
    env.action_space.seed(0)
    rewards(env, lambda step: env.action_space.sample())
    dataset = env.create_dataset(f"edge-llm-gym/{name}-v0", algorithm_name="random")
    episode = dataset[0]
    assert episode.infos, "infos are missing"
    again = rewards(dataset.recover_environment(), lambda step: action_at(episode.actions, step))
    np.testing.assert_array_equal(again, episode.rewards)
CHECKED = f"{len(MADE)} kinds of id and scenario"
