"""Ctrl-C (SIGINT) and SIGTERM end a command with exit status 130 and 143, after clean-up and without a traceback."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)
INSIST_S = 1.0
"""Time after which an exception that was lost is raised again: Python ignores those in destructors, and libraries in C
may clear them."""
CAN_INSIST = hasattr(signal, "setitimer")
"""Whether the system has timers that send signals."""


class Interrupted(BaseException):
    """A signal asked the process to end. No subclass of Exception, so that only clean-up code handles it."""

    def __init__(self, number: int) -> None:
        super().__init__(f"interrupted by {signal.Signals(number).name}")
        self.status = 128 + number
        """Exit status by the convention of shells: 130 for SIGINT, 143 for SIGTERM."""


@contextmanager
def interruptible() -> Iterator[None]:
    """In this block the first SIGINT or SIGTERM raises Interrupted in the main thread; a second one ends the process.

    Where that exception is lost it is raised again, every INSIST_S; clean-up code that handles it is not disturbed.
    A signal that the process was started with ignored (as under `nohup`) stays ignored. Child processes that are forked
    in the block end at once on either signal. In another thread than the main one the block changes nothing, since only
    the main thread can set handlers.
    """
    try:
        previous = _install(_raise_once(os.getpid()))
    except ValueError:  # not in the main thread
        yield
        return
    try:
        with unmasked():
            yield
    finally:
        if CAN_INSIST:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def unmasked() -> Iterator[None]:
    """Raises the Interrupted of a block as itself where something else has come of it, of which it is the cause.

    Compiled functions may return a result in spite of it, which the interpreter reports as a SystemError, and pydantic
    raises an error of its own.
    """
    try:
        yield
    except Exception as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, Interrupted):
            cause = cause.__cause__
        if cause is None:
            raise
        raise cause from None


def exit_status(action: Callable[[], int | None], advice: str = "") -> int:
    """Runs an action; its exit status (None is 0), or that of the signal that ended it.

    A signal prints one line, with `advice` on how to go on, to the standard error stream.
    """
    try:
        with interruptible():
            return action() or 0
    except Interrupted as interrupted:
        print(f"{interrupted}{f'; {advice}' if advice else ''}", file=sys.stderr)
        return interrupted.status


def _install(handler: Callable[[int, FrameType | None], None]) -> dict[int, Any]:
    """Sets the handler of each signal that is not ignored; returns the ones before."""
    kept: dict[int, Any] = {number: signal.getsignal(number) for number in _heeded()}
    for number in kept:
        signal.signal(number, handler)
    return kept | ({signal.SIGALRM: signal.getsignal(signal.SIGALRM)} if CAN_INSIST else {})


def _heeded() -> list[signal.Signals]:
    return [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]


def _raise_once(owner: int) -> Callable[[int, FrameType | None], None]:
    """A handler that restores the default actions, then raises Interrupted in the process `owner`."""

    def handle(number: int, frame: FrameType | None) -> None:
        for each in _heeded():
            signal.signal(each, signal.SIG_DFL)
        if os.getpid() != owner:
            os.kill(os.getpid(), number)
        _insist(number)
        raise Interrupted(number)

    return handle


def _insist(number: int) -> None:
    """Raises the exception again as long as nothing handles it."""

    def again(alarm: int, frame: FrameType | None) -> None:
        if not _is_handled():
            raise Interrupted(number)

    if CAN_INSIST:
        signal.signal(signal.SIGALRM, again)
        signal.setitimer(signal.ITIMER_REAL, INSIST_S, INSIST_S)


def _is_handled() -> bool:
    """Whether clean-up code of an Interrupted is running."""
    error = sys.exception()
    while error is not None and not isinstance(error, Interrupted):
        error = error.__context__
    return error is not None
