"""Multipliers that merge the constraints of a 0-1 knapsack into one surrogate: a dual simplex method for a few rows.

The linear relaxation of  max profit x,  usage x <= room,  0 <= x <= 1  has as many basic columns as there are rows,
four or five here, so a pivot costs one pass over the requests. Its dual values price the rows. Whatever prices the
method stops at, rounding included, :func:`lagrangian` makes a valid bound of them. Bounded columns follow the long-step
ratio test (Maros, "Computational techniques of the simplex method", 2003, chapter 10).
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Fixings = NDArray[np.int8]

FREE = -1  # a request that may be taken or left; 0 and 1 in `fixed` mean left and taken
_PIVOT_LIMIT = 200  # per call; the multipliers are valid whenever it stops
_REFRESH_AFTER = 100  # pivots after which the basis starts afresh, before rounding errors pile up
_FEASIBLE = 1e-9
_TINY_PIVOT = 1e-11
_FAR = 1e6


class Simplex(NamedTuple):
    """Where the method stands; kept between calls, since the next problem is mostly like the last."""

    basis: Ints  # [m] column in each basic place: j < n is request j, n + k the slack of row k
    inverse: Floats  # [m, m] inverse of the basic columns
    multipliers: Floats  # [m] price of each row, not negative
    reduced: Floats  # [n] profit of each request less the price of what it uses
    pivots: Ints  # [1] pivots since the basis was last fresh


@njit(cache=True)
def make_simplex(row_count: int, n: int) -> Simplex:
    """A simplex at the slack basis of ``row_count`` rows and ``n`` requests: nothing has a price yet."""
    return Simplex(
        np.arange(n, n + row_count), np.eye(row_count), np.zeros(row_count), np.zeros(n), np.zeros(1, np.int64)
    )


@njit(cache=True)
def relax(simplex: Simplex, profit: Floats, usage: Floats, room: Floats, fixed: Fixings) -> float:
    """Solve the linear relaxation, warm from the last basis; returns the upper bound its multipliers prove.

    ``profit`` [n], ``usage`` [m, n], ``room`` [m], ``fixed`` [n] of FREE, 0, 1. Leaves the multipliers and the reduced
    profits in ``simplex``. An infeasible problem shows in a bound far below any other.
    """
    if simplex.pivots[0] > _REFRESH_AFTER:
        _start_afresh(simplex)
    _price_basis(simplex, profit)
    _reduce(simplex, profit, usage)
    at_one = _resting_places(simplex, fixed)
    level = _basic_levels(simplex, usage, room, at_one)
    for _ in range(_PIVOT_LIMIT):
        place, excess = _most_violated(simplex, level, fixed)
        if place < 0:
            break
        if not _pivot(simplex, usage, fixed, at_one, level, place, excess):
            break
    np.maximum(simplex.multipliers, 0.0, simplex.multipliers)
    _reduce(simplex, profit, usage)
    return lagrangian(simplex, room, fixed)


@njit(cache=True)
def lagrangian(simplex: Simplex, room: Floats, fixed: Fixings) -> float:
    """Upper bound on the profit: price all the room, and take each free request whose reduced profit is positive."""
    bound = 0.0
    for k in range(room.size):
        bound += simplex.multipliers[k] * room[k]
    for j in range(fixed.size):
        if fixed[j] == 1 or (fixed[j] == FREE and simplex.reduced[j] > 0.0):
            bound += simplex.reduced[j]
    return bound


@njit(cache=True, no_cpython_wrapper=True)
def _start_afresh(simplex: Simplex) -> None:
    n = simplex.reduced.size
    simplex.pivots[0] = 0
    simplex.inverse[:] = 0.0
    for k in range(simplex.basis.size):
        simplex.basis[k] = n + k
        simplex.inverse[k, k] = 1.0


@njit(cache=True, no_cpython_wrapper=True)
def _price_basis(simplex: Simplex, profit: Floats) -> None:
    simplex.multipliers[:] = 0.0
    for place in range(simplex.basis.size):
        if simplex.basis[place] < profit.size:
            simplex.multipliers[:] += profit[simplex.basis[place]] * simplex.inverse[place]


@njit(cache=True, no_cpython_wrapper=True)
def _reduce(simplex: Simplex, profit: Floats, usage: Floats) -> None:
    reduced = simplex.reduced
    reduced[:] = profit
    for k in range(usage.shape[0]):
        price = simplex.multipliers[k]
        if price != 0.0:
            for j in range(profit.size):
                reduced[j] -= price * usage[k, j]


@njit(cache=True, no_cpython_wrapper=True)
def _resting_places(simplex: Simplex, fixed: Fixings) -> Flags:
    """Whether each request rests at one; basic requests count as resting at zero."""
    at_one = np.empty(fixed.size, np.bool_)
    for j in range(fixed.size):
        at_one[j] = fixed[j] == 1 or (fixed[j] == FREE and simplex.reduced[j] > 0.0)
    for column in simplex.basis:
        if column < fixed.size:
            at_one[column] = False
    return at_one


@njit(cache=True, no_cpython_wrapper=True)
def _basic_levels(simplex: Simplex, usage: Floats, room: Floats, at_one: Flags) -> Floats:
    left = room.copy()
    for k in range(room.size):
        for j in range(at_one.size):
            if at_one[j]:
                left[k] -= usage[k, j]
    return _times(simplex.inverse, left)


@njit(cache=True, no_cpython_wrapper=True)
def _times(matrix: Floats, vector: Floats) -> Floats:
    product = np.zeros(vector.size)
    for r in range(vector.size):
        for k in range(vector.size):
            product[r] += matrix[r, k] * vector[k]
    return product


@njit(cache=True, no_cpython_wrapper=True)
def _most_violated(simplex: Simplex, level: Floats, fixed: Fixings) -> tuple[int, float]:
    """The basic place farthest outside its bounds and by how much (negative: below them); -1 when all are inside."""
    place, excess = -1, 0.0
    for r in range(level.size):
        lowest, highest = _bounds(simplex.basis[r], fixed)
        outside = min(level[r] - lowest, 0.0) + max(level[r] - highest, 0.0)
        if abs(outside) > max(abs(excess), _FEASIBLE):
            place, excess = r, outside
    return place, excess


@njit(cache=True, no_cpython_wrapper=True)
def _bounds(column: int, fixed: Fixings) -> tuple[float, float]:
    if column >= fixed.size:
        return 0.0, np.inf
    if fixed[column] == FREE:
        return 0.0, 1.0
    return float(fixed[column]), float(fixed[column])


@njit(cache=True, no_cpython_wrapper=True)
def _pivot(
    simplex: Simplex, usage: Floats, fixed: Fixings, at_one: Flags, level: Floats, place: int, excess: float
) -> bool:
    """Let the violated basic column leave; False when nothing can enter, which proves the problem infeasible."""
    sign = 1.0 if excess < 0.0 else -1.0
    row = simplex.inverse[place].copy()
    alpha = _row_times_usage(row, usage)
    column, ratio = _candidates(simplex, fixed, at_one, alpha, row, sign)
    entering, step = _ratio_test(simplex, usage, at_one, level, alpha, column, ratio, abs(excess))
    if entering < 0:
        simplex.multipliers[:] += sign * _FAR * row
        return False
    simplex.multipliers[:] += sign * step * row
    simplex.reduced[:] -= sign * step * alpha
    _exchange(simplex, usage, fixed, at_one, level, place, entering, sign)
    return True


@njit(cache=True, no_cpython_wrapper=True)
def _row_times_usage(row: Floats, usage: Floats) -> Floats:
    alpha = np.zeros(usage.shape[1])
    for k in range(usage.shape[0]):
        if row[k] != 0.0:
            for j in range(alpha.size):
                alpha[j] += row[k] * usage[k, j]
    return alpha


@njit(cache=True, no_cpython_wrapper=True)
def _ratio_test(
    simplex: Simplex,
    usage: Floats,
    at_one: Flags,
    level: Floats,
    alpha: Floats,
    column: Ints,
    ratio: Floats,
    slope: float,
) -> tuple[int, float]:
    """The column to enter and the step to it: requests passed on the way move to their other bound while that helps.

    The bound falls along the step by the ``slope``, at first the violation, less the alpha of every request passed.
    """
    moved = np.zeros(level.size)
    count, entering, step = column.size, -1, 0.0
    while count > 0:
        nearest = np.argmin(ratio[:count])
        j, step = column[nearest], ratio[nearest]
        slope -= abs(alpha[j]) if j < alpha.size else np.inf
        if slope <= 0.0:
            entering = j
            break
        moved += (-1.0 if at_one[j] else 1.0) * usage[:, j]
        at_one[j] = not at_one[j]
        count -= 1
        column[nearest], ratio[nearest] = column[count], ratio[count]
    level -= _times(simplex.inverse, moved)
    return entering, step


@njit(cache=True, no_cpython_wrapper=True)
def _candidates(
    simplex: Simplex, fixed: Fixings, at_one: Flags, alpha: Floats, row: Floats, sign: float
) -> tuple[Ints, Floats]:
    """Columns that would push the leaving one inwards, and the step at which the reduced profit of each is zero."""
    n = alpha.size
    column, ratio = np.empty(n + row.size, np.int64), np.empty(n + row.size)
    count = 0
    for j in range(n):
        push = sign * alpha[j] if at_one[j] else -sign * alpha[j]
        if push > _TINY_PIVOT and fixed[j] == FREE and not _is_basic(simplex, j):
            gap = simplex.reduced[j] if at_one[j] else -simplex.reduced[j]
            column[count], ratio[count] = j, max(gap, 0.0) / push
            count += 1
    for k in range(row.size):
        if -sign * row[k] > _TINY_PIVOT and not _is_basic(simplex, n + k):
            column[count], ratio[count] = n + k, max(simplex.multipliers[k], 0.0) / (-sign * row[k])
            count += 1
    return column[:count], ratio[:count]


@njit(cache=True, no_cpython_wrapper=True)
def _is_basic(simplex: Simplex, column: int) -> bool:
    found = False
    for basic in simplex.basis:
        found |= basic == column
    return found


@njit(cache=True, no_cpython_wrapper=True)
def _exchange(
    simplex: Simplex,
    usage: Floats,
    fixed: Fixings,
    at_one: Flags,
    level: Floats,
    place: int,
    entering: int,
    sign: float,
) -> None:
    """Put the entering column into the basic place, and the leaving one to rest at the bound that it had crossed."""
    leaving = simplex.basis[place]
    lowest, highest = _bounds(leaving, fixed)
    rest = lowest if sign > 0 else highest
    n = fixed.size
    rises_from = 1.0 if entering < n and at_one[entering] else 0.0
    ahead = _times(simplex.inverse, usage[:, entering]) if entering < n else simplex.inverse[:, entering - n].copy()
    step = (level[place] - rest) / ahead[place]
    level -= step * ahead
    level[place] = rises_from + step
    simplex.inverse[place] /= ahead[place]
    for r in range(level.size):
        if r != place:
            simplex.inverse[r] -= ahead[r] * simplex.inverse[place]
    simplex.basis[place] = entering
    simplex.pivots[0] += 1
    if leaving < n:
        at_one[leaving] = rest == 1.0
    if entering < n:
        at_one[entering] = False
