"""Resets of several rows in several threads: tapes and generators as in one thread, and errors reach the caller."""

import threading
import time
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from edge_llm_gym.sim.records import leaves
from tests.equality import assert_same

ROWS, HORIZON = 7, 4
SHORT = {"horizon_epochs": HORIZON}
ENVIRONMENTS = ("EdgeLLM/MultiNode-v0", "EdgeLLM/Continuous-v0", "EdgeLLM/EarlyExit-v0", "EdgeLLM/Joint-v0")
SINGLE = "EdgeLLM/SingleNode-v0"
EARLY, BUSY = np.arange(ROWS) % 3 == 1, np.arange(ROWS) % 4 == 2


def made(environment, threads, mode=AutoresetMode.SAME_STEP):
    return gymnasium.make_vec(
        environment,
        num_envs=ROWS,
        vectorization_mode="vector_entry_point",
        overrides=SHORT,
        num_threads=threads,
        autoreset_mode=mode,
    )


def records(envs) -> dict[str, np.ndarray]:
    """All that rows hold but work space, and where their generators are."""
    simulator = envs.unwrapped.simulator
    held = {name: array for record in (simulator.tape, simulator.state) for name, array in leaves(record)}
    held |= {"parameters": simulator.episode_parameters, "mean_snr": simulator.mean_snr}
    held |= {"generators": np.array([str(rng.bit_generator.state) for rng in envs.unwrapped.np_random])}
    return {name: array for name, array in held.items() if "scratch" not in name}


def assert_same_rows(one, other) -> None:
    assert one.unwrapped.simulator.capacity == other.unwrapped.simulator.capacity
    for name, array in records(one).items():
        np.testing.assert_array_equal(array, records(other)[name], err_msg=name)


def played(environment, mode, threads):
    """Steps over three episodes, of which some rows begin one early, and some get episodes too long for their tapes."""
    envs = made(environment, threads, mode)
    envs.action_space.seed(2)
    results = [envs.reset(seed=5)]
    before = envs.unwrapped.simulator.capacity
    for step in range(3 * HORIZON):
        results.append(envs.step(envs.action_space.sample()))
        if step == 1:
            results.append(envs.reset(seed=50, options={"reset_mask": EARLY}))
        if step == 5:
            rate = 8.0 * envs.unwrapped.scenario.arrivals.mean_rate_per_s
            options = {"reset_mask": BUSY, "overrides": {"arrivals.rate_per_s": rate}}
            results.append(envs.reset(options=options))
        if mode is AutoresetMode.DISABLED and (ended := envs.unwrapped._rows.ended()).any():
            results.append(envs.reset(options={"reset_mask": ended}))
    assert envs.unwrapped.simulator.capacity > before
    return envs, results


@pytest.mark.parametrize(
    ("environment", "mode"),
    [(SINGLE, mode) for mode in AutoresetMode] + [(each, AutoresetMode.SAME_STEP) for each in ENVIRONMENTS],
)
def test_threads_change_nothing(environment, mode):
    one, expected = played(environment, mode, 1)
    ends = np.array([result[3] for result in expected if len(result) == 5])
    assert len({tuple(row) for row in ends.T}) >= 3  # rows end at different times
    for threads in (2, 3):
        several, found = played(environment, mode, threads)
        for before, after in zip(expected, found, strict=True):
            assert_same(before, after)
        assert_same_rows(one, several)


def test_rows_with_one_generator_draw_from_it_in_order():
    found = []
    for threads in (1, 3):
        envs, rng = made(SINGLE, threads), np.random.default_rng(3)
        envs.reset(seed=0)
        envs.set_attr("np_random", [rng] * ROWS)
        envs.reset()
        found.append(envs)
    assert_same_rows(*found)
    single = gymnasium.make(SINGLE, overrides=SHORT)
    single.unwrapped.np_random = np.random.default_rng(3)
    for row in range(3):
        single.reset()
        length = single.unwrapped.simulator.tape.requests.length[0]
        assert found[0].unwrapped.simulator.tape.requests.length[row] == length


@dataclass
class Watched:
    """A workload that calls a function with the generator before each draw."""

    workload: Any
    before: Any

    def draw(self, rng, duration_s):
        self.before(rng)
        return self.workload.draw(rng, duration_s)


def watch(envs, before) -> None:
    generator = envs.unwrapped.simulator.tape_generator
    generator.workload = Watched(generator.workload, before)


def test_rows_are_written_at_the_same_time_and_drawn_in_turn(monkeypatch):
    envs, barrier, drawing, most = made(SINGLE, 3), threading.Barrier(3, timeout=60), [], []
    generator = envs.unwrapped.simulator.tape_generator
    write = generator.write

    def before(rng):
        drawing.append(rng)
        time.sleep(0.001)
        most.append(len(drawing))
        drawing.remove(rng)

    def written(*episodes):
        barrier.wait()
        return write(*episodes)

    watch(envs, before)
    monkeypatch.setattr(generator, "write", written)
    envs.reset(seed=0)
    assert most == [1] * ROWS


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("bad", [(0,), (6,), (2, 5)])
def test_the_error_of_the_first_failing_row_reaches_the_caller(threads, bad):
    envs, plain = made(SINGLE, threads), made(SINGLE, 1)
    for one in (envs, plain):
        one.reset(seed=0)
    failing = {id(rng): row for row, rng in enumerate(envs.unwrapped.np_random) if row in bad}

    def before(rng):
        if id(rng) in failing:
            raise ValueError(f"row {failing[id(rng)]} has no requests")

    watch(envs, before)
    with pytest.raises(ValueError, match=f"row {bad[0]} has no requests"):
        envs.reset()
    failing.clear()
    assert_same(envs.reset(seed=4), plain.reset(seed=4))
    action = plain.action_space.sample()
    assert_same(envs.step(action), plain.step(action))
