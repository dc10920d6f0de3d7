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


def _address(context: Any, builder: Any, flag: Any, array: Any) -> Any:
    """Address of the first element of an array of the type `flag`, as one of int64."""
    first = context.make_array(flag)(context, builder, array).data
    return builder.bitcast(first, ir.IntType(64).as_pointer())


@intrinsic
def _read_now(_typing: Any, flag: Any) -> Any:
    """The first element of an array of int64, read from the memory at every call."""

    def code(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.load_atomic(_address(context, builder, flag, arguments[0]), "acquire", 8)

    return types.int64(flag), code


@intrinsic
def _write_now(_typing: Any, flag: Any, value: Any) -> Any:
    """Sets the first element of an array of int64; other threads see what was written before it, too."""

    def code(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        builder.store_atomic(arguments[1], _address(context, builder, flag, arguments[0]), "release", 8)
        return context.get_dummy_value()

    return types.void(flag, types.int64), code


@njit(cache=True, nogil=True)
def _set_and_look(own: NDArray[np.int64], flag: NDArray[np.int64], tries: int) -> None:
    _write_now(own, 1)
    for _ in range(tries):
        if _read_now(flag):
            break


def set_and_look(own: NDArray[np.int64], flag: NDArray[np.int64], most_us: int) -> None:
    """Sets a flag [1] int64 to 1, and returns once another thread has set the other one, or after some time in us.

    The thread that waits for the own flag finds the interpreter free.
    """
    if numba.config.DISABLE_JIT:  # Python's own code would keep the other thread from setting a flag
        own[0] = 1
    else:
        _set_and_look(own, flag, most_us * TRIES_PER_US)
