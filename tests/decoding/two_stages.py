"""The scenario joint in mid-episode, and plans that the tests of its forecasts share."""

import numpy as np

from edge_llm_gym.decoding.difficulty_mix import DIFFICULTY_SHIFTS
from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.sim.pooled.observation import PooledObserver
from edge_llm_gym.sim.simulator import Simulator
from tests.sim.pooled.routing_by_hand import random_action

SCENARIO = load_scenario("joint")
ENTRIES, NODES = 4, 6
OFFLOAD = np.zeros((NODES, NODES))
OFFLOAD[:4, 4:] = [[0.25, 0.75], [1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]
HOSTED_BLOCKS = [(node, block) for node in range(NODES) for block in ((0, 1) if node < ENTRIES else (2, 3))]
THRESHOLDS = [[0.0] * 6, [1.0] * 6, [0.2, 0.3, 0.6, 0.9, 0.4, 0.7]]


def observed_after(epochs: int, **overrides):
    """A simulator after some random epochs, and the observation of its only row."""
    simulator, rng = Simulator(load_scenario("joint", overrides)), np.random.default_rng(0)
    simulator.reset(0, rng)
    for _ in range(epochs):
        simulator.step(*random_action(rng, simulator))
    return simulator, {key: array[0] for key, array in PooledObserver(simulator).observe().items()}


def sampled_rows(reader, difficulty_shift: int, size: int):
    """Rows of the profile drawn with the density 1 + c (2 u - 1) of their difficulty u."""
    weight = 1.0 + DIFFICULTY_SHIFTS[difficulty_shift] * (2.0 * reader.constants.profile.difficulty - 1.0)
    return np.random.default_rng(difficulty_shift).choice(weight.size, size, p=weight / weight.sum())
