"""Waiting for another thread for some microseconds, without the interpreter lock and without sleeping.

A thread that sleeps until another one wakes it goes on some 50 us after that, and waking it takes the other one 30 us.
Where it will not be long, as for the end of an equal piece of work, it is faster to look again and again.
"""

from typing import Any

import numba
import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from edge_llm_gym.compiled import njit

TRIES_PER_US = 4_000
"""Looks at a flag in a microsecond: about 0.25 ns each."""
LETTING_GO_US = 2
"""Time after which a thread that has set a flag has let go of the interpreter."""


@intrinsic
def _read_now(context: Any, flag: Any) -> Any:
    """The first element of an array of int64, read from the memory at every call."""

    def code(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        pointer = _context.make_array(flag)(_context, builder, arguments[0]).data
        return builder.load_atomic(builder.bitcast(pointer, ir.IntType(64).as_pointer()), "acquire", 8)

    return types.int64(flag), code


@njit(cache=True, nogil=True)
def _wait_briefly(flag: NDArray[np.int64], tries: int, tries_after: int) -> None:
    for _ in range(tries):
        if _read_now(flag):
            for _ in range(tries_after):
                _read_now(flag)
            break


def wait_briefly(flag: NDArray[np.int64], most_us: int) -> None:
    """Returns once another thread has set the flag [1] int64 to another value than 0, or after some time in us."""
    if not numba.config.DISABLE_JIT:  # Python's own code would keep the other thread from setting it
        _wait_briefly(flag, most_us * TRIES_PER_US, LETTING_GO_US * TRIES_PER_US)
