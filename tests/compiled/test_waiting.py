"""Brief waits: they end with the flag of another thread, and without it after the given time."""

import threading
import time

import numba
import numpy as np
import pytest

from edge_llm_gym.compiled.waiting import wait_briefly

pytestmark = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="without compilation nothing is waited for")
LONG_US = 20_000_000


@pytest.fixture(autouse=True)
def _compiled():
    wait_briefly(np.ones(1, np.int64), 1)


def test_a_set_flag_ends_the_wait_at_once():
    begun_s = time.perf_counter()
    wait_briefly(np.ones(1, np.int64), LONG_US)
    assert time.perf_counter() - begun_s < 1.0


def test_another_thread_runs_meanwhile_and_ends_the_wait():
    flag, seen = np.zeros(1, np.int64), []

    def set_flag():
        time.sleep(0.05)
        seen.append("set")
        flag[0] = 1

    thread, begun_s = threading.Thread(target=set_flag), time.perf_counter()
    thread.start()
    wait_briefly(flag, LONG_US)
    waited_s = time.perf_counter() - begun_s
    thread.join()
    assert seen == ["set"]
    assert 0.04 < waited_s < 5.0


def test_the_wait_for_nothing_ends():
    begun_s = time.perf_counter()
    wait_briefly(np.zeros(1, np.int64), 100)
    assert time.perf_counter() - begun_s < 1.0
