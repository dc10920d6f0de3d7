"""Signals become exit statuses; clean-up runs, children end at once, and the handlers before are restored."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from edge_llm_gym.cli import main
from edge_llm_gym.cli.options import advising
from edge_llm_gym.interrupts import Interrupted, exit_status, interruptible

BEGIN = """
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # where the tests run in the background, it is ignored
from edge_llm_gym.interrupts import Interrupted, exit_status, interruptible
"""
WAITING = f"""
{BEGIN}
def action():
    try:
        print("ready", flush=True)
        time.sleep(60)
    finally:
        print("cleaned up", flush=True)
sys.exit(exit_status(action, "resume it with --resume"))
"""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_command_with_its_status_and_one_line(number, status):
    process = subprocess.Popen(
        [sys.executable, "-c", WAITING], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    out, errors = process.communicate(timeout=30)
    assert process.returncode == status
    assert out == "cleaned up\n"
    assert errors == f"interrupted by {number.name}; resume it with --resume\n"


def test_the_status_of_an_action_is_passed_on():
    assert exit_status(lambda: None) == 0
    assert exit_status(lambda: 2) == 2


def test_the_handlers_before_are_restored():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(Interrupted), interruptible():
        os.kill(os.getpid(), signal.SIGTERM)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


INTERRUPTED_TWICE = f"""
{BEGIN}
with interruptible():
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    finally:
        os.kill(os.getpid(), signal.SIGINT)
"""
FORKED = f"""
{BEGIN}
with interruptible():
    child = os.fork()
    if child == 0:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except BaseException:
            os._exit(7)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def run(code: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_a_second_signal_ends_the_process():
    ended = run(INTERRUPTED_TWICE)
    assert ended.returncode == -signal.SIGINT
    assert ended.stderr == ""


def test_a_forked_child_ends_at_once():
    """Also where it catches everything, as the workers of some pools do."""
    assert run(FORKED).stdout == f"{-signal.SIGTERM}\n"


def test_an_ignored_signal_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interruptible():
            os.kill(os.getpid(), signal.SIGINT)
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_another_thread_changes_no_handler():
    seen = []

    def body() -> None:
        with interruptible():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGTERM)]


LOST = f"""
{BEGIN}
from edge_llm_gym import interrupts
interrupts.INSIST_S = 0.1

class Ends:
    def __del__(self):  # Python ignores exceptions in here
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.01)

def action():
    try:
        one = Ends()
        del one
        print("lost", flush=True)
        while True:
            time.sleep(0.01)
    finally:
        begin = time.monotonic()
        while time.monotonic() < begin + 0.5:  # longer than the time after which the exception is raised again
            time.sleep(0.01)
        print("cleaned up", flush=True)
sys.exit(exit_status(action))
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timers that send signals")
def test_an_exception_that_is_lost_is_raised_again_and_clean_up_is_not_disturbed():
    found = subprocess.run([sys.executable, "-c", LOST], capture_output=True, text=True, timeout=60, check=False)
    assert found.stdout == "lost\ncleaned up\n"
    assert found.returncode == 143
    assert found.stderr.endswith("interrupted by SIGTERM\n")


def test_the_timer_is_off_after_the_block():
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(Interrupted), interruptible():
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) is before


def instead_of(interrupted):
    """What a compiled function that returns a result, and a library that goes on, make of an exception."""
    try:
        raise SystemError("a function returned a result with an exception set") from interrupted
    except SystemError as error:
        raise ValueError("a library in C has failed") from error


def test_an_exception_of_which_something_else_has_come_ends_the_command(capsys):
    assert exit_status(lambda: instead_of(Interrupted(signal.SIGTERM)), "go on") == 143
    assert capsys.readouterr().err == "interrupted by SIGTERM; go on\n"
    with pytest.raises(ValueError, match="a library in C has failed"):
        exit_status(lambda: instead_of(KeyError("another cause")))


def test_an_exception_of_which_something_else_has_come_is_advised_on():
    with pytest.raises(Interrupted, match="interrupted by SIGINT; go on"), advising(lambda: "go on"):
        instead_of(Interrupted(signal.SIGINT))


def test_the_command_line_takes_it_for_no_error_of_the_user(monkeypatch, capsys):
    monkeypatch.setattr("edge_llm_gym.cli.app", lambda: instead_of(Interrupted(signal.SIGTERM)))
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 143
    assert capsys.readouterr().err == "interrupted by SIGTERM\n"
