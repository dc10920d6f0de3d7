"""Bytes that a step moves at least, against counts by hand."""

import gymnasium
import numpy as np
import pytest

from benchmarks.roofline import bandwidth, moved_bytes, table
from edge_llm_gym.sim.exit_observation import SEEN_EPOCHS

ROWS, EPOCHS = 4, 13


def stepped(environment):
    envs = gymnasium.make_vec(f"EdgeLLM/{environment}-v0", num_envs=ROWS, vectorization_mode="vector_entry_point")
    envs.reset(seed=0)
    envs.action_space.seed(0)
    for _ in range(EPOCHS):
        action = envs.action_space.sample()
        observation, *_, info = envs.step(action)
    return envs, action, observation, info


def test_bytes_of_pooled_dynamics():
    envs, action, observation, _ = stepped("MultiNode")
    moved = moved_bytes(envs, action, observation)
    slots, nodes, devices = 32, 4, 20
    given, checked = slots * (8 + 2 * 4), slots * (8 + 2 * 8)
    assert moved["action"] == given + 2 * checked
    assert moved["observation"] == slots * (8 * 4 + 1 + nodes * 2 * 4) + nodes * 9 * 4 + 2 * 4
    assert moved["channels"] == 2 * devices * nodes * 2 * 4
    block = envs.unwrapped.simulator.tape.requests.arrival_s.strides[1]
    assert moved["requests"] == observation["request_mask"].sum() / ROWS * block
    assert moved["confidences"] == 0


def test_bytes_of_streaming_dynamics():
    envs, action, observation, info = stepped("EarlyExit")
    moved, simulator = moved_bytes(envs, action, observation), envs.unwrapped.simulator
    block = simulator.tape.requests.arrival_s.strides[1]
    assert moved["requests"] == info["metrics"]["arrived"].mean() * block
    requests, since_s = simulator.tape.requests, (EPOCHS - SEEN_EPOCHS) * simulator.scenario.epoch_s
    arrived = np.arange(simulator.capacity) < simulator.state.next_arrival[:, None]
    recent = (arrived & (requests.arrival_s >= since_s)).sum(axis=1)
    exits, stages = 4, 3
    assert moved["confidences"] == np.mean(recent) * (exits * 4 + stages * (8 + 1))


def test_the_table_has_times_at_the_bandwidth():
    assert bandwidth(copied_bytes=2**16, repetitions=2) > 1e6
    lines = list(table(2e9, {"One": ({"action": 3000.0, "result": 1000.0}, 8e-6)}))
    assert lines[-1] == "| One | 3,000 | 1,000 | 4,000 | 2.00 | 8.00 | 25% |"
    assert lines[0] == "| environment | action | result | bytes in all | us at the bandwidth | us measured | share |"


@pytest.mark.parametrize("environment", ["SingleNode", "Continuous", "Joint"])
def test_all_environments_can_be_counted(environment):
    moved = moved_bytes(*stepped(environment)[:3])
    assert all(np.isfinite(list(moved.values())))
    assert (moved["confidences"] > 0) == (environment == "Joint")
