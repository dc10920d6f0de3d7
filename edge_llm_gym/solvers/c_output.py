"""Silences what a library written in C prints, without a change to what Python prints.

HiGHS prints lines of its development ("HighsMipSolverData::...") to the C stream `stdout`, whatever its options. The
stream is a pointer in the C library: it refers to the null device while a solver runs. The file descriptor and
`sys.stdout` stay as they are, so that progress bars and other threads go on printing.
"""

import ctypes
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

STDOUT: Final = {"linux": "stdout", "darwin": "__stdoutp"}
"""Platform -> symbol of the C stream; on others nothing is silenced."""
_LOCK: Final = threading.Lock()


class _State:
    """How many blocks are open in this process, the stream to return to, and the one to the null device."""

    blocks = 0
    stream: int | None = None
    null: int | None = None


@contextmanager
def without_c_output() -> Iterator[None]:
    """In this block C code prints nothing to its standard output, in any thread. Blocks may overlap and nest."""
    pointer = _pointer()
    if pointer is None:
        yield
        return
    with _LOCK:
        _State.blocks += 1
        if _State.blocks == 1:
            _State.stream, pointer.value = pointer.value, _null_stream()
    try:
        yield
    finally:
        with _LOCK:
            _State.blocks -= 1
            if _State.blocks == 0:
                pointer.value = _State.stream


def _pointer() -> Any:
    """The variable of the C library that holds its standard output; None where it is unknown."""
    symbol = STDOUT.get(sys.platform)
    try:
        return ctypes.c_void_p.in_dll(ctypes.CDLL(None), symbol) if symbol else None
    except (OSError, ValueError):
        return None


def _null_stream() -> int | None:
    """An open C stream to the null device, one for the process; called with the lock held."""
    if _State.null is None:
        library = ctypes.CDLL(None)
        library.fopen.restype = ctypes.c_void_p
        _State.null = library.fopen(b"/dev/null", b"w")
    return _State.null
