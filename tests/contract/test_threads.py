"""Rows over several threads equal rows in one thread bit for bit, in every environment and through resets."""

import multiprocessing

import gymnasium
import numpy as np
import pytest

from edge_llm_gym.registration import ENVIRONMENTS
from tests.equality import assert_same

ROWS, STEPS = 5, 12
SHORT = {"horizon_epochs": 5}


def made(environment, threads, **settings):
    return gymnasium.make_vec(
        environment,
        num_envs=ROWS,
        vectorization_mode="vector_entry_point",
        overrides=SHORT,
        num_threads=threads,
        **settings,
    )


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_threads_change_nothing(environment):
    one, several = made(environment, 1), made(environment, 3)
    assert_same(one.reset(seed=3), several.reset(seed=3))
    one.action_space.seed(0)
    for _ in range(STEPS):
        action = one.action_space.sample()
        assert_same(one.step(action), several.step(action))
    assert several.simulator.workers.pieces[-1].worker == 2


@pytest.mark.parametrize("codec", ["parameters", "box"])
def test_flat_rows_are_stepped_and_decoded_by_the_threads(codec):
    one, several = (made("EdgeLLM/MultiNode-Flat-v0", threads, codec=codec) for threads in (1, 3))
    assert_same(one.reset(seed=3), several.reset(seed=3))
    one.action_space.seed(0)
    for _ in range(STEPS):
        action = one.action_space.sample()
        assert_same(one.step(action), several.step(action))
    assert len(several.simulator.workers.pieces) == 3
    if codec == "parameters":
        assert len(several.codec.policy(action[0]).workers.pieces) == 3


def stepped(queue):
    """Steps the rows that the parent has stepped before the fork."""
    queue.put(RUNNING.step(ACTION)[1].tolist())


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_rows_step_on_in_a_fork():
    global RUNNING, ACTION
    RUNNING = made("EdgeLLM/SingleNode-v0", 2)
    RUNNING.reset(seed=0)
    RUNNING.action_space.seed(0)
    ACTION = RUNNING.action_space.sample()
    RUNNING.step(ACTION)
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    child = context.Process(target=stepped, args=(queue,))
    child.start()
    child.join(60)
    assert child.exitcode == 0
    np.testing.assert_array_equal(queue.get(), RUNNING.step(ACTION)[1])


def test_less_than_one_thread_is_refused():
    with pytest.raises(ValueError, match="num_threads must be at least 1, got 0"):
        made("EdgeLLM/SingleNode-v0", 0)
