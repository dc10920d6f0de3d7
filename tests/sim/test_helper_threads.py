"""Threads that wait for work: every job is done once, whatever came before, and threads end with their owner."""

import gc
import subprocess
import sys
import threading
import time

import pytest

from edge_llm_gym.sim.helper_threads import LOOKS_FOR_END_US, LOOKS_FOR_WORK_US, HelperThreads
from edge_llm_gym.sim.row_workers import RowWorkers

SLEEPS_S = 0.01


def own_threads():
    return [thread for thread in threading.enumerate() if thread.name == "rows"]


def ended(threads):
    for thread in threads:
        thread.join(timeout=20)
    return not any(thread.is_alive() for thread in threads)


@pytest.mark.parametrize("pause_s", [0.0, SLEEPS_S])
@pytest.mark.parametrize("takes_s", [0.0, SLEEPS_S])
def test_jobs_are_done_before_and_after_a_thread_has_fallen_asleep(pause_s, takes_s):
    assert max(LOOKS_FOR_WORK_US, LOOKS_FOR_END_US) < 1e6 * SLEEPS_S
    threads, done = HelperThreads(2), []

    def job(number):
        time.sleep(takes_s)
        done.append((number, threading.current_thread()))

    for turn in range(20):
        threads.run(lambda: done.append((0, threading.current_thread())), [lambda: job(1), lambda: job(2)])
        assert sorted(number for number, _ in done[3 * turn :]) == [0, 1, 2]
        time.sleep(pause_s)
    workers = {thread for number, thread in done if number}
    assert len(workers) == 2
    assert threading.current_thread() not in workers
    assert {thread for number, thread in done if not number} == {threading.current_thread()}


def test_fewer_jobs_than_threads_leave_the_others_waiting():
    threads, done = HelperThreads(3), []
    for count in (1, 3, 0, 2):
        threads.run(lambda: None, [lambda count=count: done.append(count)] * count)
    assert sorted(done) == [1, 2, 2, 3, 3, 3]


def test_an_error_of_a_thread_is_raised_once():
    def fail():
        raise ValueError("broken")

    threads, done = HelperThreads(1), []
    with pytest.raises(ValueError, match="broken"):
        threads.run(lambda: done.append("own"), [fail])
    threads.run(lambda: None, [lambda: done.append("other")])
    assert done == ["own", "other"]


def test_threads_end_when_nothing_refers_to_them():
    before = set(own_threads())
    threads = HelperThreads(2)
    threads.run(lambda: None, [lambda: None])
    mine = set(own_threads()) - before
    assert len(mine) == 2
    del threads
    gc.collect()
    assert ended(mine)


def test_a_job_is_forgotten_after_it_has_ended():
    class Big:
        pass

    threads, big = HelperThreads(1), Big()
    threads.run(lambda: None, [lambda big=big: None])
    assert not [each for each in gc.get_referrers(big) if isinstance(each, tuple)]


def test_interrupted_workers_get_new_threads():
    before, workers, done = set(own_threads()), RowWorkers(4, 2), []

    def interrupted(piece):
        if piece.worker == 0:
            raise KeyboardInterrupt
        time.sleep(SLEEPS_S)
        done.append(piece)

    with pytest.raises(KeyboardInterrupt):
        workers.run(interrupted)
    assert done == [workers.pieces[1]]  # what the other thread did was waited for
    first = set(own_threads()) - before
    gc.collect()
    assert ended(first)
    workers.run(done.append)
    assert sorted(done) == [workers.pieces[0], workers.pieces[1], workers.pieces[1]]


def test_workers_keep_their_threads_after_an_error():
    workers, seen = RowWorkers(2, 2), []

    def fail(piece):
        if piece.worker:
            seen.append(threading.current_thread())
            raise ValueError("broken")

    for _ in range(2):
        with pytest.raises(ValueError, match="broken"):
            workers.run(fail)
    assert seen[0] is seen[1]


def test_work_may_ask_its_own_workers():
    workers, done = RowWorkers(2, 2), []

    def outer(piece):
        if piece.worker == 0:
            workers.run(done.append)

    workers.run(outer)
    assert sorted(done) == workers.pieces


def test_a_program_with_waiting_threads_ends():
    program = (
        "from edge_llm_gym.sim.helper_threads import HelperThreads\n"
        "threads = HelperThreads(4)\n"
        "threads.run(lambda: None, [lambda: None] * 4)\n"
        "print('done')"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "done\n", "")
