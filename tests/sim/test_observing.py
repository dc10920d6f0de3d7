"""Observations that are written piece by piece, also by the threads that step the rows."""

import numpy as np
import pytest

from edge_llm_gym.env.interface import interface_of
from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.sim.simulator import Simulator
from tests.equality import assert_same


@pytest.fixture(params=["single-node", "multi-node", "continuous", "early-exit", "joint"])
def simulator(request):
    chosen = Simulator(load_scenario(request.param, {"horizon_epochs": 6}), 5, 2)
    chosen.reset_rows(range(5), [np.random.default_rng(seed) for seed in range(5)])
    return chosen


def stepped(simulator, steps, then=None):
    interface, scenario = interface_of(simulator.scenario), simulator.scenario
    space = interface.action_space(scenario)
    space.seed(0)
    for _ in range(steps):
        rows = [space.sample() for _ in range(simulator.rows)]
        action = {key: np.stack([row[key] for row in rows]) for key in rows[0]}
        simulator.step(*interface.read_action(action, (simulator.rows,), scenario), then=then)


def test_every_number_is_written(simulator):
    stepped(simulator, 3)
    observer = interface_of(simulator.scenario).observer(simulator)
    reading, expected = observer.begin(), observer.observe()
    for key in expected:
        if key != "links":  # constant, and written when the reading begins
            reading.arrays[key].fill(77)
    if simulator.scenario.variant == "streaming":
        reading = observer.begin()  # constant features of nodes, too
        for key in ("spectral_efficiency", "exit_confidence", "arrivals", "backlog"):
            reading.arrays[key].fill(77)
    simulator.workers.run(reading.write)
    assert_same(reading.arrays, expected)


def test_rows_are_observed_after_their_own_step(simulator):
    observer = interface_of(simulator.scenario).observer(simulator)
    pieces = []

    def write(piece):
        pieces.append(piece)
        reading.write(piece)

    for _ in range(4):
        reading = observer.begin()
        stepped(simulator, 1, then=write)
        assert_same(reading.arrays, observer.observe())
    assert sorted(pieces) == sorted(4 * simulator.workers.pieces)
