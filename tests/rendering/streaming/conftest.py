"""Fixtures: a view written by hand, a tiny episode solved by hand, and a played episode."""

from dataclasses import dataclass

import numpy as np
import pytest

from edge_llm_gym.rendering.exits import ExitView
from edge_llm_gym.rendering.links import Flow
from edge_llm_gym.rendering.streaming.view import (
    EpochSummary,
    StreamingDevice,
    StreamingLast,
    StreamingNode,
    StreamingTotals,
    StreamingView,
)
from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.sim.simulator import Simulator
from edge_llm_gym.sim.streaming.observation import StreamingObserver
from edge_llm_gym.sim.streaming.records import StreamingResult
from tests.sim.streams import act, by_hand, staged

OFFLOAD = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1], [0, 0, 0]]  # device 0 sends to A, device 1 to B, both to C
THRESHOLD = [0.5, 0.25, 0.5]
REQUESTS = {
    "arrival_s": [0.5, 1.0, 2.5],
    "deadline_s": [9.0, 3.0, 9.0],
    "device": [0, 1, 0],
    "service_s": [  # on A, on B, on C through block 1, 2 and 3; 9 s where the request does not come
        [1.0, 9.0, 9.0, 9.0, 9.0],
        [9.0, 0.5, 2.0, 9.0, 9.0],
        [1.0, 9.0, 0.25, 0.25, 0.5],
    ],
    "confidence": [[0.875, 0.0, 0.0, 0.0], [0.125, 0.625, 0.0, 0.0], [0.25, 0.125, 0.375, 0.0]],
    "correct": [[1, 0, 0, 0], [1, 0, 1, 1], [0, 0, 0, 1]],
}
ROUGH = {"arrivals.rate_per_s": 14.0, "requests.accuracy": [0.5, 1.0], "horizon_epochs": 60}


@pytest.fixture
def tiny() -> Simulator:
    """Three requests over A, B and C, in epochs of 2 s, at its start.

    0 is on A from 0.5 to 1.5 and leaves there. 1 is on B from 1.0 to 1.5 and on C until 3.5, where it leaves by the
    second exit, too late. 2 is on A from 2.5 to 3.5 and on C until 4.5, where it leaves by the last exit.
    """
    scenario = staged([2, 1], epoch_s=2.0, horizon_epochs=3, **{"devices.count": 2, "devices.area_m": [80.0, 40.0]})
    simulator = by_hand(scenario, **REQUESTS)
    simulator.parameters.quality[:] = 0.75, 1.0, 1.0
    simulator.tape.channels.device_m[0] = [[10.0, 20.0], [30.0, 40.0]]
    return simulator


def step_tiny(simulator: Simulator) -> StreamingResult:
    return act(simulator, OFFLOAD, THRESHOLD)


def summary(arrived: int, served: int, late: int, mean_delay_s: float = 1.0, accuracy: float = 0.5) -> EpochSummary:
    return EpochSummary(arrived, served, late, arrived - served - late, mean_delay_s, accuracy)


@pytest.fixture
def view() -> StreamingView:
    """Two cells and a hub, three devices; six requests in the last epoch, of which four went on to the hub."""
    return StreamingView(
        scenario="by-hand",
        epoch=7,
        horizon=50,
        time_s=14.0,
        epoch_s=2.0,
        area_m=(1000.0, 1000.0),
        nodes=(
            StreamingNode("cell-1", (200.0, 200.0), 1, 0.75, 4, 0.5, open_visits=3, committed_s=4.0, speed=1.0),
            StreamingNode("cell-2", (800.0, 200.0), 1, 0.25, 2, 1.0, open_visits=0, committed_s=0.0, speed=1.0),
            StreamingNode("hub", (500.0, 800.0), 2, 0.5, 4, 0.25, open_visits=2, committed_s=1.0, speed=1.0),
        ),
        wires=((0, 2), (1, 2)),
        devices=(
            StreamingDevice((100.0, 400.0), "late"),
            StreamingDevice((900.0, 450.0), "served"),
            StreamingDevice((500.0, 100.0), ""),
        ),
        exits=(
            ExitView(1, 2, 9, (0.1, 0.2, 0.5, 0.7, 0.9), (0.75, 0.25)),
            ExitView(2, 4, 27, (), ()),
        ),
        trend=(summary(10, 8, 0), summary(20, 12, 4), summary(6, 3, 2, 2.0, 0.25)),
        totals=StreamingTotals(36, 23, 6, 7, in_flight=5, mean_delay_s=1.25, accuracy=0.625),
        last=StreamingLast(
            summary=summary(6, 3, 2, 2.0, 0.25),
            reward=3.5,
            utilisation=0.625,
            node_energy_j=1250.0,
            flows=(Flow(0, 0, 4), Flow(1, 1, 2), Flow(3, 2, 3), Flow(4, 2, 1)),
        ),
    )


@dataclass(frozen=True)
class Played:
    """An episode under random actions, with results, observations and thresholds: one entry per step."""

    simulator: Simulator
    results: list[StreamingResult]
    observations: list[dict[str, np.ndarray]]
    thresholds: list[np.ndarray]


@pytest.fixture(scope="module")
def played() -> Played:
    """30 epochs of the default network in which every outcome and every exit occurs; not to be changed."""
    simulator = Simulator(load_scenario("early-exit", ROUGH))
    simulator.reset(0, np.random.default_rng(3))
    rng, observer = np.random.default_rng(4), StreamingObserver(simulator)
    episode = Played(simulator, [], [], [])
    for _ in range(30):
        threshold = rng.random((1, 9), np.float32)
        episode.results.append(simulator.step(rng.random((1, 29, 9), np.float32), threshold))
        episode.observations.append(observer.observe())
        episode.thresholds.append(threshold[0])
    return episode
