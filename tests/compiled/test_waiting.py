"""Brief waits: they end with the flag of another thread, and without it after the given time."""

import threading
import time

import numba
import numpy as np
import pytest

from edge_llm_gym.compiled.waiting import set_and_look

LONG_US = 20_000_000
compiled = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="without compilation nothing is waited for")


def flags():
    return np.zeros(1, np.int64), np.zeros(1, np.int64)


@pytest.fixture(autouse=True)
def _loaded():
    set_and_look(*flags(), 0)


def test_the_own_flag_is_set_and_a_flag_that_is_set_ends_the_wait_at_once():
    own, other = flags()
    other[0], begun_s = 1, time.perf_counter()
    set_and_look(own, other, LONG_US)
    assert time.perf_counter() - begun_s < 1.0
    assert (own[0], other[0]) == (1, 1)


@compiled
def test_another_thread_runs_meanwhile_sees_the_own_flag_and_ends_the_wait():
    own, other = flags()
    seen = []

    def set_flag():
        time.sleep(0.05)
        seen.append(own[0])
        other[0] = 1

    thread, begun_s = threading.Thread(target=set_flag), time.perf_counter()
    thread.start()
    set_and_look(own, other, LONG_US)
    waited_s = time.perf_counter() - begun_s
    thread.join()
    assert seen == [1]
    assert 0.04 < waited_s < 5.0


@compiled
def test_the_wait_for_nothing_takes_about_the_given_time():
    begun_s = time.perf_counter()
    set_and_look(*flags(), 20_000)
    assert 0.001 < time.perf_counter() - begun_s < 2.0
