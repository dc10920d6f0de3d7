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


def rewards(env, action_at):
    """Rewards of the episode with seed 3, under the actions `action_at(step)`."""
    env.reset(seed=3)
    found, ended = [], False
    while not ended:
        _, reward, terminated, truncated, _ = env.step(action_at(len(found)))
        found.append(reward)
        ended = terminated or truncated
    return found


def recorded(actions):
    """The actions of an episode, by step; those of dictionary spaces are arrays by key."""
    if isinstance(actions, dict):
        return lambda step: {key: array[step] for key, array in actions.items()}
    return actions.__getitem__


def random(space):
    """Random actions of a space, whatever the step."""
    space.seed(0)
    return lambda step: space.sample()


for name, (environment, settings) in MADE.items():
    env = DataCollector(gymnasium.make(environment, **settings), record_infos=True)
    rewards(env, random(env.action_space))
    dataset = env.create_dataset(f"edge-llm-gym/{name}-v0", algorithm_name="random")
    episode = dataset[0]
    assert episode.infos, "infos are missing"
    again = rewards(dataset.recover_environment(), recorded(episode.actions))
    np.testing.assert_array_equal(again, episode.rewards)
CHECKED = f"{len(MADE)} kinds of id and scenario"
