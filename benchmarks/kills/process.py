"""Runs a body in a forked process, which inherits imports and compiled kernels, and kills it with SIGKILL."""

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from mmap import mmap
from pathlib import Path
from struct import Struct
from typing import Any

from benchmarks.kills.target import Body

FILE_EVENTS = frozenset({"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "shutil.rmtree", "open"})
"""Audit events of Python that precede a change of a file; of `open` only those for writing."""
COUNTERS = Struct("qq")


@dataclass(frozen=True)
class Moment:
    """When to kill: after so many seconds, or before the file event of this index; never where both are None."""

    after_s: float | None = None
    before_event: int | None = None


@dataclass(frozen=True)
class Attempt:
    """How a process ended."""

    finished: bool
    units: int
    file_events: int
    seconds: float


class Counters:
    """Units of work and file events, counted by a forked process in memory that it shares with its parent."""

    def __init__(self) -> None:
        self._memory = mmap(-1, COUNTERS.size)
        self.units = self.events = 0

    def add(self, units: int = 0, events: int = 0) -> None:
        self.units, self.events = self.units + units, self.events + events
        self._memory[:] = COUNTERS.pack(self.units, self.events)

    def read(self) -> tuple[int, int]:
        units, events = COUNTERS.unpack(self._memory[:])
        return units, events


def attempt(body: Body, folder: Path, moment: Moment, log: Path) -> Attempt:
    """Runs the body until it ends or is killed. Raises RuntimeError where it fails; its output is in `log`."""
    counters, begin_s = Counters(), time.monotonic()
    child = os.fork()
    if child == 0:
        _run(body, folder, moment, log, counters)
    status = _wait(child, None if moment.after_s is None else begin_s + moment.after_s)
    if status not in (0, -signal.SIGKILL):
        raise RuntimeError(f"the run in {folder} failed with status {status}:\n{log.read_text()}")
    units, events = counters.read()
    return Attempt(status == 0, units, events, time.monotonic() - begin_s)


def _wait(child: int, deadline_s: float | None) -> int:
    """Exit status of the child, which is killed at the deadline."""
    while True:
        ended, status = os.waitpid(child, 0 if deadline_s is None else os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if deadline_s is not None and time.monotonic() >= deadline_s:
            os.kill(child, signal.SIGKILL)
            deadline_s = None
        else:
            time.sleep(0.002)


def _run(body: Body, folder: Path, moment: Moment, log: Path, counters: Counters) -> None:
    """Runs in the child; never returns."""
    status = 1
    try:
        with log.open("w") as output:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
            sys.addaudithook(_killer(moment, folder, counters))
            body(folder, lambda: counters.add(units=1))
            status = 0
    except BaseException:
        log.write_text(traceback.format_exc())
    finally:
        os._exit(status)


def _killer(moment: Moment, folder: Path, counters: Counters) -> Callable[[str, tuple[Any, ...]], None]:
    """An audit hook that counts the file events of a folder, and kills the process before one of them."""
    parts = (str(folder), str(folder.resolve()))

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in FILE_EVENTS or not str(arguments[0]).startswith(parts):
            return
        if event == "open" and not _writes(arguments):
            return
        if counters.events == moment.before_event:
            os.kill(os.getpid(), signal.SIGKILL)
        counters.add(events=1)

    return hook


def _writes(arguments: tuple[Any, ...]) -> bool:
    flags = arguments[2] if isinstance(arguments[2], int) else 0
    return bool(flags & (os.O_WRONLY | os.O_RDWR))
