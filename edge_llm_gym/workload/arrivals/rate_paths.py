"""Modulated Poisson arrivals, compiled: a piecewise constant random rate, and arrivals of that rate.

Random numbers are drawn in the order in which NumPy's methods draw them for whole arrays: all jumps of all modulations,
their levels, the arrivals.
"""

from typing import Any

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel
from edge_llm_gym.compiled.streams import stream_kernel

LAW = ("timescale_s", "shape", "scale", "silence")
"""Columns of the laws [M, 4] float64 of modulations. A level is 0 with the probability of a silence, else Gamma
distributed with shape and scale; with a shape of 0 it is the scale itself."""
TIMESCALE_S, SHAPE, SCALE, SILENCE = range(len(LAW))


@stream_kernel
def arrivals_of_rate(rng: Any, start_s: Array, rate_per_s: Array, duration_s: float, latest_s: float) -> Array:
    """Sorted arrival times by inverting the integrated rate, whose pieces [n] start at the ascending start_s [n].

    `latest_s` is the largest number below the duration.
    """
    pieces = start_s.size
    edge_s, expected = np.empty(pieces + 1), np.zeros(pieces + 1)
    edge_s[:pieces], edge_s[pieces] = start_s, duration_s
    for piece in range(pieces):
        expected[piece + 1] = expected[piece] + rate_per_s[piece] * (edge_s[piece + 1] - edge_s[piece])
    arrival_s = np.empty(rng.poisson(expected[pieces]))
    _sorted_uniform(rng, expected[pieces], arrival_s)
    _interpolate_sorted(arrival_s, expected, edge_s, latest_s)
    return arrival_s


@stream_kernel
def rate_path(rng: Any, rate_per_s: float, laws: Array, duration_s: float) -> tuple[Array, Array]:
    """Starts [n] in s of the pieces of constant rate, from 0 on, and the rate [n] in 1/s on each."""
    jump_s, until = np.empty(0), np.zeros(len(laws) + 1, np.int64)
    for index in range(len(laws)):
        before = jump_s
        until[index + 1] = until[index] + rng.poisson(duration_s / laws[index, TIMESCALE_S])
        jump_s = np.empty(until[index + 1])
        jump_s[: before.size] = before
        _sorted_uniform(rng, duration_s, jump_s[before.size :])
    start_s = np.zeros(jump_s.size + 1)
    for index in range(len(laws)):
        _merge(start_s, 1 + until[index], jump_s[until[index] : until[index + 1]])
    rate = np.full(start_s.size, rate_per_s)
    for index in range(len(laws)):
        jumps = jump_s[until[index] : until[index + 1]]
        level = np.empty(jumps.size + 1)
        levels_of(rng, laws[index], level)
        _scale_pieces(rate, start_s, level, jumps)
    return start_s, rate


@kernel
def levels_of(rng: Any, law: Array, level: Array) -> None:
    """Fills `level` [n] with independent levels of a law."""
    for index in range(level.size):
        level[index] = rng.gamma(law[SHAPE], law[SCALE]) if law[SHAPE] > 0.0 else law[SCALE]
    if law[SILENCE] > 0.0:
        for index in range(level.size):
            if rng.random() >= 1.0 - law[SILENCE]:
                level[index] = 0.0


@kernel
def _sorted_uniform(rng: Any, end: float, out: Array) -> None:
    """`sorted_uniform` of `edge_llm_gym.workload.arrivals.process`, number by number."""
    total = 0.0
    for index in range(out.size):
        total += rng.standard_exponential()
        out[index] = total
    scale, latest = end / (total + rng.standard_exponential()), np.nextafter(end, 0.0)
    for index in range(out.size):
        out[index] = min(out[index] * scale, latest)


@kernel
def _merge(ascending: Array, size: int, more: Array) -> None:
    """Merges ascending numbers into the first `size` of an array, which are ascending, too; it has room for both."""
    left, right = size - 1, more.size - 1
    while right >= 0:
        if left >= 0 and ascending[left] > more[right]:
            ascending[left + right + 1] = ascending[left]
            left -= 1
        else:
            ascending[left + right + 1] = more[right]
            right -= 1


@kernel
def _interpolate_sorted(x: Array, known_x: Array, known_y: Array, limit: float) -> None:
    """Replaces ascending x, all in the range of the ascending known_x, by linear interpolation, clipped at a limit."""
    piece = 0
    for index in range(x.size):
        while piece < known_x.size - 2 and known_x[piece + 1] < x[index]:
            piece += 1
        width = known_x[piece + 1] - known_x[piece]
        share = (x[index] - known_x[piece]) / width if width > 0.0 else 0.0
        x[index] = min(known_y[piece] + share * (known_y[piece + 1] - known_y[piece]), limit)


@kernel
def _scale_pieces(rate: Array, start_s: Array, level: Array, jump_s: Array) -> None:
    """Multiplies the rate of the pieces that begin at ascending start_s by the level that holds there.

    The level changes at each of the ascending jump_s; it has one entry more than jump_s.
    """
    jumped = 0
    for piece in range(start_s.size):
        while jumped < jump_s.size and jump_s[jumped] <= start_s[piece]:
            jumped += 1
        rate[piece] *= level[jumped]
