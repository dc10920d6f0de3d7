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
def arrivals_of_rate(rng: Any, edge_s: Array, rate_per_s: Array, latest_s: float) -> Array:
    """Sorted arrival times by inverting the integral of a rate [n] between ascending edges [n + 1] in s.

    `latest_s` is the largest number below the last edge.
    """
    pieces = rate_per_s.size
    expected = np.empty(pieces + 1)
    expected[0] = 0.0
    for piece in range(pieces):
        expected[piece + 1] = expected[piece] + rate_per_s[piece] * (edge_s[piece + 1] - edge_s[piece])
    arrival_s = np.empty(rng.poisson(expected[pieces]))
    fill_sorted_uniform(rng, expected[pieces], arrival_s, 0)
    _interpolate_sorted(arrival_s, expected, edge_s, latest_s)
    return arrival_s


@stream_kernel
def rate_path(rng: Any, rate_per_s: float, laws: Array, duration_s: float) -> tuple[Array, Array]:
    """Edges [n + 1] in s of the pieces of constant rate, from 0 to the duration, and the rate [n] in 1/s on each."""
    jump_s, until = np.empty(0), np.empty(len(laws) + 1, np.int64)
    until[0] = 0
    for index in range(len(laws)):
        before = jump_s
        until[index + 1] = until[index] + rng.poisson(duration_s / laws[index, TIMESCALE_S])
        jump_s = np.empty(until[index + 1])
        for jump in range(before.size):
            jump_s[jump] = before[jump]
        fill_sorted_uniform(rng, duration_s, jump_s, before.size)
    edge_s, rate, level = np.empty(jump_s.size + 2), np.empty(jump_s.size + 1), np.empty(jump_s.size + 1)
    edge_s[0], edge_s[jump_s.size + 1] = 0.0, duration_s
    for piece in range(rate.size):
        rate[piece] = rate_per_s
    for index in range(len(laws)):
        _merge(edge_s, 1 + until[index], jump_s, until[index], until[index + 1])
    for index in range(len(laws)):
        first, last = until[index], until[index + 1]
        levels_of(rng, laws, index, level, last - first + 1)
        _scale_pieces(rate, edge_s, level, jump_s, first, last)
    return edge_s, rate


@kernel
def levels_of(rng: Any, laws: Array, law: int, level: Array, count: int) -> None:
    """Writes `count` independent levels of a law."""
    shape, scale, silence = laws[law, SHAPE], laws[law, SCALE], laws[law, SILENCE]
    for index in range(count):
        level[index] = rng.gamma(shape, scale) if shape > 0.0 else scale
    if silence > 0.0:
        for index in range(count):
            if rng.random() >= 1.0 - silence:
                level[index] = 0.0


@kernel
def fill_sorted_uniform(rng: Any, end: float, out: Array, first: int) -> None:
    """`sorted_uniform` of `edge_llm_gym.workload.arrivals.process`, from the index `first` of `out` on."""
    total = 0.0
    for index in range(first, out.size):
        total += rng.standard_exponential()
        out[index] = total
    scale, latest = end / (total + rng.standard_exponential()), np.nextafter(end, 0.0)
    for index in range(first, out.size):
        out[index] = min(out[index] * scale, latest)


@kernel
def _merge(ascending: Array, size: int, more: Array, first: int, last: int) -> None:
    """Merges the ascending more[first:last] into the first `size` of an array, which are ascending, too."""
    left, right = size - 1, last - 1
    while right >= first:
        target = left + right - first + 1
        if left >= 0 and ascending[left] > more[right]:
            ascending[target] = ascending[left]
            left -= 1
        else:
            ascending[target] = more[right]
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
def _scale_pieces(rate: Array, start_s: Array, level: Array, jump_s: Array, first: int, last: int) -> None:
    """Multiplies the rate of the pieces that begin at ascending start_s by the level that holds there.

    The level changes at each of the ascending jump_s[first:last], from level[0] on.
    """
    jumped = first
    for piece in range(rate.size):
        while jumped < last and jump_s[jumped] <= start_s[piece]:
            jumped += 1
        rate[piece] *= level[jumped - first]
