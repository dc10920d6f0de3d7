"""Silencing of C code: its output disappears in the block, that of Python does not."""

import ctypes
import sys
import threading

import pytest

from edge_llm_gym.problems import AssignmentProblem, BatchProblem
from edge_llm_gym.solvers import reference
from edge_llm_gym.solvers.c_output import STDOUT, without_c_output

pytestmark = pytest.mark.skipif(sys.platform not in STDOUT, reason="nothing is silenced on this platform")


def say(text: str) -> None:
    """As a C library prints; the empty buffer makes the order of lines that of the calls."""
    library = ctypes.CDLL(None)
    library.puts(text.encode())
    library.fflush(None)


def test_only_c_output_inside_the_block_is_lost(capfd):
    say("C before")
    with without_c_output():
        say("C inside")
        with without_c_output():
            say("C nested")
        say("C inside again")
        print("Python inside", flush=True)
    say("C after")
    assert capfd.readouterr().out.split("\n") == ["C before", "Python inside", "C after", ""]


def test_an_exception_restores_the_output(capfd):
    with pytest.raises(ZeroDivisionError), without_c_output():
        raise ZeroDivisionError
    say("C after")
    assert capfd.readouterr().out == "C after\n"


def test_blocks_of_threads_overlap(capfd):
    inside, leave = threading.Event(), threading.Event()

    def hold():
        with without_c_output():
            inside.set()
            leave.wait(10)

    other = threading.Thread(target=hold)
    other.start()
    inside.wait(10)
    with without_c_output():
        say("C inside both")
    say("C inside the other")
    leave.set()
    other.join()
    say("C after both")
    assert capfd.readouterr().out == "C after both\n"


def small_problem() -> BatchProblem:
    """Two requests, of which either fits alone."""
    return BatchProblem(
        time_s=[1.0, 1.0],
        shared_time_s=[0.0, 0.0],
        kv_bytes=[1.0, 1.0],
        uplink_share=[0.6, 0.6],
        downlink_share=[0.1, 0.1],
        budget_s=[5.0, 5.0],
        value=[1.0, 2.0],
        memory_bytes=2.0,
        time_cap_s=10.0,
    )


def test_the_mixed_integer_program_runs_silently(capfd, monkeypatch):
    optimize = pytest.importorskip("scipy.optimize")
    solve = optimize.milp

    def noisy(*arguments, **settings):
        say("HighsMipSolverData::transformNewIntegerFeasibleSolution tmpSolver.run();")
        return solve(*arguments, **settings)

    monkeypatch.setattr(optimize, "milp", noisy)
    reference.milp(AssignmentProblem((small_problem(), small_problem())))
    assert capfd.readouterr().out == ""
