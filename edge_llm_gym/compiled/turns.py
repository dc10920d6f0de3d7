"""Processes that need the same function take turns: the first one compiles it, the others load what it has saved.

Several processes that start at once, such as the workers of a vector environment, of `compare --jobs` or of the tests,
would otherwise compile every function at the same time, each for itself.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

try:
    import fcntl
except ImportError:  # Windows: every process compiles for itself
    fcntl = None  # type: ignore[assignment]

LONGEST_WAIT_S: Final = 180.0
"""Wait for a turn, after which a process compiles for itself: the other one may have been stopped."""
PAUSE_S: Final = 0.02


@contextmanager
def turn(path: Path, longest_wait_s: float = LONGEST_WAIT_S) -> Iterator[None]:
    """A block in which no other process is with the same file, which exists only meanwhile.

    Where no file can be locked, as in a folder without write permission, and after `longest_wait_s`, it does not wait.
    A process that is killed ends its turn.
    """
    file = _locked(path, time.monotonic() + longest_wait_s)
    try:
        yield
    finally:
        if file is not None:
            with suppress(OSError):
                path.unlink()
            file.close()


def _locked(path: Path, until_s: float) -> IO[bytes] | None:
    """The open and locked file, or None."""
    if fcntl is None:
        return None
    try:
        while time.monotonic() < until_s:
            file = path.open("ab")
            if _lock(file, until_s) and _is_at(path, file):
                return file
            file.close()  # the one before has removed it: the lock is of a file that no other process opens
    except OSError:
        return None
    return None


def _lock(file: IO[bytes], until_s: float) -> bool:
    """Whether the file could be locked in time. Raises OSError where files cannot be locked."""
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= until_s:
                return False
            time.sleep(PAUSE_S)


def _is_at(path: Path, file: IO[bytes]) -> bool:
    """Whether the open file is the one with this path, and not an earlier one."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
