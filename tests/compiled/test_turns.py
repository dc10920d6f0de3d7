"""Processes that need the same function at the same time compile it once."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numba
import pytest

import edge_llm_gym
from edge_llm_gym.compiled import turns

fcntl = pytest.importorskip("fcntl", reason="files are locked on POSIX systems only")
PACKAGE = Path(edge_llm_gym.__file__).parent
CHILD = """
import sys, time
from numba.core import event, types
from numba.extending import overload
from edge_llm_gym.compiled import njit

def slowly_typed(number):
    pass

@overload(slowly_typed)
def _overloaded(number):
    time.sleep(1.0)  # the others arrive meanwhile
    return lambda number: number + 1

@njit(cache=True)
def plus_one(number):
    return slowly_typed(number)

print("ready", flush=True)
sys.stdin.readline()
print(plus_one(2), sum(plus_one.stats.cache_hits.values()))
"""


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled")
def test_processes_that_call_a_function_at_once_compile_it_once(tmp_path):
    script = tmp_path / "child.py"
    script.write_text(CHILD)
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(PACKAGE.parent)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    children = [subprocess.Popen([sys.executable, str(script)], env=environment, **pipes) for _ in range(3)]
    for child in children:
        assert child.stdout.readline() == "ready\n"
    answers = [child.communicate("go\n", timeout=120)[0].split() for child in children]
    # Those that are started first are answered last: the pipes hold the line for all before any is read.
    assert sorted(answers) == [["3", "0"], ["3", "1"], ["3", "1"]]
    assert not list((tmp_path / "cache").rglob("*.lock"))


def test_a_turn_ends_with_the_block_and_leaves_no_file(tmp_path):
    path = tmp_path / "name.lock"
    for _ in range(2):
        with turns.turn(path):
            assert path.is_file()
        assert not path.exists()


def test_a_turn_waits_for_another_one(tmp_path):
    path = tmp_path / "name.lock"
    with turns.turn(path):
        begin_s = time.monotonic()
        with turns.turn(path, longest_wait_s=0.2):  # as another process: a lock belongs to the open file
            assert time.monotonic() - begin_s >= 0.2


def test_a_file_that_another_process_removed_is_not_the_one_that_is_locked(tmp_path, monkeypatch):
    """Between opening and locking, the process before ends its turn, and a third one begins with a new file."""
    path, third = tmp_path / "name.lock", []
    lock = turns._lock

    def late(file, until_s):
        if not third:
            path.unlink()
            third.append(path.open("ab"))
            fcntl.flock(third[0], fcntl.LOCK_EX)
        return lock(file, until_s)

    monkeypatch.setattr(turns, "_lock", late)
    assert turns._locked(path, time.monotonic() + 0.2) is None
    third[0].close()


def test_without_a_lock_nothing_waits(tmp_path, monkeypatch):
    with turns.turn(tmp_path / "missing" / "name.lock"):
        pass
    monkeypatch.setattr(turns, "fcntl", None)
    with turns.turn(tmp_path / "name.lock"):
        assert not (tmp_path / "name.lock").exists()
