"""The clock of compiled searches with a time limit.

Reading the clock from compiled code takes half a microsecond. A search therefore counts its elementary steps, of about
a nanosecond each, and reads the clock after every STEPS_PER_READING of them. Without a limit it counts nothing.
"""

import time

import numpy as np
from numba import objmode
from numpy.typing import NDArray

from edge_llm_gym.compiled import kernel, njit
from edge_llm_gym.numeric import time_limit

STEPS_PER_READING = 50_000
"""Elementary steps between two readings: a few tens of microseconds."""

CLOCK = np.dtype(
    (
        np.record,
        [
            ("deadline_s", np.float64),  # reading of `now_s` at which the search ends; infinite for no limit
            ("steps", np.int64),  # elementary steps since the last reading
            ("expired", np.bool_),  # whether the deadline has passed
        ],
    )
)
"""Fields of a clock, an array [1]. An element's fields are attributes also in uncompiled runs."""

Clock = NDArray[np.void]


@njit(cache=True, _nrt=True)
def now_s() -> float:
    """Seconds of the performance counter, as Python's `time.perf_counter`."""
    with objmode(now="float64"):
        now = time.perf_counter()
    return now


def deadline(time_limit_s: float | None) -> float:
    """Reading of `now_s` at which a time limit from now on ends; infinite for None. ValueError as in `time_limit`."""
    if time_limit_s is None:
        return np.inf
    return time.perf_counter() + time_limit("time_limit_s", time_limit_s)


@kernel
def start_clock(clock: Clock, deadline_s: float) -> None:
    """Have a clock expire at ``deadline_s``, a reading of `now_s`."""
    clock[0].deadline_s, clock[0].steps, clock[0].expired = deadline_s, 0, False


@kernel
def is_running(clock: Clock) -> bool:
    """Whether `out_of_time` can be true; asked once before a loop, since passing an array on takes time."""
    return bool(clock[0].deadline_s < np.inf or clock[0].expired)


@njit(cache=True, _nrt=True)
def out_of_time(clock: Clock, steps: int) -> bool:
    """Whether the deadline has passed, after ``steps`` more elementary steps; once true it stays true."""
    if clock[0].deadline_s == np.inf or clock[0].expired:
        return bool(clock[0].expired)
    clock[0].steps += steps
    if clock[0].steps >= STEPS_PER_READING:
        clock[0].steps = 0
        clock[0].expired = now_s() >= clock[0].deadline_s
    return bool(clock[0].expired)
