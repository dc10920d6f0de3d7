"""Fixtures of the rendering tests: a view written by hand, a tiny episode solved by hand, and a played episode."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from edge_llm_gym.rendering.batching.history import Batch
from edge_llm_gym.rendering.batching.view import BatchingView, DeviceView, LastEpoch, SlotOutcome, Totals
from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.sim.pooled import transition
from edge_llm_gym.sim.pooled.records import PooledResult
from edge_llm_gym.sim.simulator import Simulator
from tests.rendering.by_hand import node_view, slot_view
from tests.sim.costs_by_hand import write_costs

TINY = {
    "name": "tiny",
    "horizon_epochs": 6,
    "epoch_s": 2.0,
    "uplink_slot_s": 0.25,
    "downlink_slot_s": 0.25,
    "slots": 2,
    "model": {"layers": 2, "d_model": 64, "heads": 4, "kv_heads": 4, "d_ff": 256, "vocabulary": 1000},
    "nodes": [
        {
            "name": name,
            "hardware": "jetson-tx2",
            "memory_fraction": 0.5,
            "position_m": [x_m, 50.0],
            "uplink_hz": 1e7,
            "downlink_hz": 1e7,
        }
        for name, x_m in (("left", 20.0), ("right", 80.0))
    ],
    "devices": {"count": 3, "area_m": [100.0, 100.0]},
    "arrivals": {"process": "poisson", "rate_per_s": 1.0},
    "lengths": {
        "kind": "choice",
        "prompt_tokens": [8, 16],
        "output_tokens": [8, 16],
        "max_prompt_tokens": 16,
        "max_output_tokens": 16,
    },
    "requests": {"budget_s": [3.0, 9.0]},
}

MIXED = {
    "arrivals.rate_per_s": 4.0,
    "requests.budget_s": [4.0, 40.0],
    "requests.accuracy": [0.5, 1.0],
    "nodes.0.memory_fraction": 0.4,
}


@pytest.fixture
def view() -> BatchingView:
    """Two nodes, five devices, three requests in slots; one request served, one refused in the last epoch."""
    batches = (
        Batch(6, 13.0, 15.0, 5e8, served=3, late=1, below_quality=0),
        Batch(7, 15.0, 19.0, 5e8, served=1, late=0, below_quality=0),
    )
    return BatchingView(
        scenario="by-hand",
        epoch=7,
        horizon=50,
        time_s=14.0,
        epoch_s=2.0,
        area_m=(1000.0, 1000.0),
        nodes=(node_view(0, batches=batches), node_view(1, kv_fraction=0.0)),
        devices=tuple(DeviceView((200.0 * index + 60.0, 500.0), int(index < 3)) for index in range(5)),
        queue=(slot_view(1, 1.0), slot_view(2, 4.5), slot_view(3, 8.0)),
        hidden=6,
        totals=Totals(41, 17, 8, 5, 2, 9, arrived_value=82.0, served_value=34.5),
        last=LastEpoch(
            reward=3.5,
            arrived=4,
            expired=1,
            utilisation=0.625,
            node_energy_j=1250.0,
            slots=(
                SlotOutcome(1, 90, 4, "served", 0, 2.5),
                SlotOutcome(2, 91, 3, "refused_uplink", None, None),
                SlotOutcome(3, 92, 0, "waiting", None, None),
            ),
        ),
    )


def _write_tiny_tape(simulator: Simulator) -> None:
    """Five requests: 0 late, 1 served, 2 and 4 served in one batch, 3 too late from the start."""
    size, work_s = 5, np.array([[9.0, 3.5], [1.0, 9.0], [9.0, 1.0], [9.0, 9.0], [9.0, 1.0]])
    share = np.array([1 / 4, 1 / 4, 1 / 8, 1 / 8, 1 / 8])
    write_costs(simulator, work_s, 0.5, share[:, None] * simulator.parameters.kv_capacity_bytes, size)
    tape = simulator.tape
    tape.requests.length[0] = size
    tape.requests.arrival_s[0, :size] = [0.5, 1.0, 1.5, 1.75, 2.5]
    tape.requests.deadline_s[0, :size] = [6.0, 5.0, 20.0, 2.2, 30.0]
    tape.requests.device[0, :size] = [0, 1, 2, 0, 1]
    tape.requests.prompt_tokens[0, :size] = [10, 11, 12, 13, 14]
    tape.requests.output_tokens[0, :size] = [5, 6, 7, 8, 9]
    tape.requests.bits[0] = 0.0
    tape.requests.quality_demand[0, :size] = 0.5
    tape.requests.value[0, :size] = [1.0, 2.0, 3.0, 5.0, 4.0]
    latest_s = tape.requests.deadline_s[0, :size, None] - 0.25 - work_s - 0.5
    latest_s[0] = 3.0  # optimistic, so that request 0 is still there to be admitted and to come late
    tape.latest_start_s[0, :size] = latest_s
    tape.channels.device_m[0] = [[10.0, 20.0], [30.0, 40.0], [50.0, 60.0]]


@pytest.fixture
def tiny() -> Simulator:
    """The hand-solved episode at its first decision time, 2 s: request 3 expired, queue 1, 0, 2, two slots."""
    simulator = Simulator(load_scenario(TINY))
    simulator.reset(0, np.random.default_rng(0))
    _write_tiny_tape(simulator)
    transition.reset_row(simulator.parameters, simulator.tape, simulator.state, 0)
    return simulator


@pytest.fixture
def step_tiny() -> Callable[[Simulator, list[int]], PooledResult]:
    """Steps the tiny episode with equal shares."""
    return lambda simulator, batch: simulator.step(np.array([batch]), np.ones((1, 2, 2)))


@dataclass(frozen=True)
class Played:
    """An episode under random actions, with results and actions: one entry per step."""

    simulator: Simulator
    results: list[PooledResult]
    batches: list[np.ndarray]
    free_before_s: list[np.ndarray]


@pytest.fixture(scope="module")
def played() -> Played:
    """40 epochs of a four-node scenario in which every outcome occurs; not to be changed."""
    simulator = Simulator(load_scenario("multi-node", MIXED))
    simulator.reset(0, np.random.default_rng(3))
    rng = np.random.default_rng(4)
    episode = Played(simulator, [], [], [])
    for _ in range(40):
        batch = rng.integers(0, 5, (1, 32)) * (rng.random((1, 32)) < 0.4)
        episode.batches.append(batch[0])
        episode.free_before_s.append(simulator.state.node_free_s[0].copy())
        episode.results.append(simulator.step(batch, rng.random((1, 32, 2))))
    return episode
