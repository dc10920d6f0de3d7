"""Ctrl-C (SIGINT) and SIGTERM end a command with exit status 130 and 143, after clean-up and without a traceback."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(BaseException):
    """A signal asked the process to end. No subclass of Exception, so that only clean-up code handles it."""

    def __init__(self, number: int) -> None:
        super().__init__(f"interrupted by {signal.Signals(number).name}")
        self.status = 128 + number
        """Exit status by the convention of shells: 130 for SIGINT, 143 for SIGTERM."""


@contextmanager
def interruptible() -> Iterator[None]:
    """In this block the first SIGINT or SIGTERM raises Interrupted in the main thread; a second one ends the process.

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
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


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
    return kept


def _heeded() -> list[signal.Signals]:
    return [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]


def _raise_once(owner: int) -> Callable[[int, FrameType | None], None]:
    """A handler that restores the default actions, then raises Interrupted in the process `owner`."""

    def handle(number: int, frame: FrameType | None) -> None:
        for each in _heeded():
            signal.signal(each, signal.SIG_DFL)
        if os.getpid() != owner:
            os.kill(os.getpid(), number)
        raise Interrupted(number)

    return handle
