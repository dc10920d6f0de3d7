"""Lagrange multipliers of a 0-1 knapsack with a few rows, by a bounded dual simplex method.

The linear relaxation of  max profit x,  usage x <= capacity,  0 <= x <= 1  has as many basic columns as rows, four or
five here, so a pivot costs one pass over the requests. Its dual values price the rows. Whenever the method stops, and
whatever the rounding errors, :func:`lagrangian` turns its prices into a valid upper bound. Bounded columns follow the
long-step ratio test (Maros, "Computational techniques of the simplex method", 2003, chapter 10).
"""

from typing import NamedTuple

import numpy as np

from edge_llm_gym.compiled import njit
from edge_llm_gym.problems.arrays import Flags, Floats, Ints, SmallInts
from edge_llm_gym.solvers.clock import Clock, is_running, out_of_time

FREE = -1  # entry of `fixed` for a request that is not decided; 0: left out, 1: taken
_PIVOT_LIMIT = 200  # per call; the multipliers give a valid bound whenever it stops
_REFRESH_AFTER = 100  # pivots after which the basis is reset, to limit the rounding errors
_FEASIBLE = 1e-9
_TINY_PIVOT = 1e-11
_INFEASIBLE_STEP = 1e6
_SORT_AFTER = 512  # flips of one ratio test after which the remaining ratios are sorted


class Simplex(NamedTuple):
    """State of the method, kept between calls for a warm start: successive problems are similar."""

    basis: Ints  # [m] column in each basic position: j < n is request j, n + k the slack of row k
    inverse: Floats  # [m, m] inverse of the basic columns
    multipliers: Floats  # [m] price of each row, zero or more
    reduced: Floats  # [n] reduced profit: profit of each request less the price of what it uses
    pivots: Ints  # [1] pivots since the last reset of the basis
    clock: Clock  # ends every loop over pivots or requests in time


@njit(cache=True)
def make_simplex(row_count: int, n: int, clock: Clock) -> Simplex:
    """A simplex at the slack basis of ``row_count`` rows and ``n`` requests, with all prices zero."""
    basis, inverse = np.arange(n, n + row_count), np.eye(row_count)
    return Simplex(basis, inverse, np.zeros(row_count), np.zeros(n), np.zeros(1, np.int64), clock)


@njit(cache=True)
def relax(simplex: Simplex, profit: Floats, usage: Floats, capacity: Floats, fixed: SmallInts) -> float:
    """Solve the linear relaxation from the last basis; returns the upper bound that its multipliers prove.

    ``profit`` [n], ``usage`` [m, n], ``capacity`` [m], ``fixed`` [n] of FREE, 0, 1. Writes the multipliers and reduced
    profits to ``simplex``. An infeasible problem gives a bound far below any other. Prices that overflow are reset to
    zero; the bound is then the sum of the profits.
    """
    if simplex.pivots[0] > _REFRESH_AFTER:
        _reset_basis(simplex)
    _price_basis(simplex, profit)
    _update_reduced(simplex, profit, usage)
    at_one = _nonbasic_at_one(simplex, fixed)
    basic_value = _basic_values(simplex, usage, capacity, at_one)
    limited = is_running(simplex.clock)
    for _ in range(_PIVOT_LIMIT):
        position, excess = _most_violated(simplex, basic_value, fixed)
        if position < 0 or (limited and out_of_time(simplex.clock, 4 * usage.size)):
            break
        if not _pivot(simplex, usage, fixed, at_one, basic_value, position, excess):
            break
    for k in range(simplex.multipliers.size):
        simplex.multipliers[k] = max(simplex.multipliers[k], 0.0)
    _update_reduced(simplex, profit, usage)
    bound = lagrangian(simplex, capacity, fixed)
    if np.isfinite(bound):
        return bound
    _reset_basis(simplex)
    for k in range(simplex.multipliers.size):
        simplex.multipliers[k] = 0.0
    _update_reduced(simplex, profit, usage)
    return lagrangian(simplex, capacity, fixed)


@njit(cache=True)
def lagrangian(simplex: Simplex, capacity: Floats, fixed: SmallInts) -> float:
    """Lagrangian bound: price of the capacity, plus the reduced profits of taken and of profitable free requests."""
    bound = 0.0
    for k in range(capacity.size):
        bound += simplex.multipliers[k] * capacity[k]
    for j in range(fixed.size):
        if fixed[j] == 1 or (fixed[j] == FREE and simplex.reduced[j] > 0.0):
            bound += simplex.reduced[j]
    return bound


@njit(cache=True, no_cpython_wrapper=True)
def _reset_basis(simplex: Simplex) -> None:
    n = simplex.reduced.size
    simplex.pivots[0] = 0
    for r in range(simplex.basis.size):
        simplex.basis[r] = n + r
        for k in range(simplex.basis.size):
            simplex.inverse[r, k] = 1.0 if r == k else 0.0


@njit(cache=True, no_cpython_wrapper=True)
def _price_basis(simplex: Simplex, profit: Floats) -> None:
    for k in range(simplex.multipliers.size):
        simplex.multipliers[k] = 0.0
    for position in range(simplex.basis.size):
        if simplex.basis[position] < profit.size:
            _add_multiple(simplex.multipliers, profit[simplex.basis[position]], simplex.inverse[position])


@njit(cache=True, no_cpython_wrapper=True)
def _add_multiple(target: Floats, factor: float, values: Floats) -> None:
    """Add ``factor`` times ``values`` to ``target``; a loop is less code to compile than an expression of arrays."""
    for place in range(target.size):
        target[place] += factor * values[place]


@njit(cache=True, no_cpython_wrapper=True)
def _update_reduced(simplex: Simplex, profit: Floats, usage: Floats) -> None:
    reduced = simplex.reduced
    for j in range(profit.size):
        reduced[j] = profit[j]
    for k in range(usage.shape[0]):
        price = simplex.multipliers[k]
        if price != 0.0:
            for j in range(profit.size):
                reduced[j] -= price * usage[k, j]


@njit(cache=True, no_cpython_wrapper=True)
def _nonbasic_at_one(simplex: Simplex, fixed: SmallInts) -> Flags:
    """Whether each request is nonbasic at its upper bound of one; false for basic requests."""
    at_one = np.empty(fixed.size, np.bool_)
    for j in range(fixed.size):
        at_one[j] = fixed[j] == 1 or (fixed[j] == FREE and simplex.reduced[j] > 0.0)
    for column in simplex.basis:
        if column < fixed.size:
            at_one[column] = False
    return at_one


@njit(cache=True, no_cpython_wrapper=True)
def _basic_values(simplex: Simplex, usage: Floats, capacity: Floats, at_one: Flags) -> Floats:
    remaining = capacity.copy()
    for k in range(capacity.size):
        for j in range(at_one.size):
            if at_one[j]:
                remaining[k] -= usage[k, j]
    return _times(simplex.inverse, remaining)


@njit(cache=True, no_cpython_wrapper=True)
def _times(matrix: Floats, vector: Floats) -> Floats:
    product = np.zeros(vector.size)
    for r in range(vector.size):
        for k in range(vector.size):
            product[r] += matrix[r, k] * vector[k]
    return product


@njit(cache=True, no_cpython_wrapper=True)
def _most_violated(simplex: Simplex, basic_value: Floats, fixed: SmallInts) -> tuple[int, float]:
    """Basic position farthest outside its bounds and the excess (negative: below them); -1 if all are within."""
    position, excess = -1, 0.0
    for r in range(basic_value.size):
        lowest, highest = _bounds(simplex.basis[r], fixed)
        outside = min(basic_value[r] - lowest, 0.0) + max(basic_value[r] - highest, 0.0)
        if abs(outside) > max(abs(excess), _FEASIBLE):
            position, excess = r, outside
    return position, excess


@njit(cache=True, no_cpython_wrapper=True)
def _bounds(column: int, fixed: SmallInts) -> tuple[float, float]:
    if column >= fixed.size:
        return 0.0, np.inf
    if fixed[column] == FREE:
        return 0.0, 1.0
    return float(fixed[column]), float(fixed[column])


@njit(cache=True, no_cpython_wrapper=True)
def _pivot(
    simplex: Simplex, usage: Floats, fixed: SmallInts, at_one: Flags, basic_value: Floats, position: int, excess: float
) -> bool:
    """Remove the violated basic column; False if no column can enter, which proves the problem infeasible."""
    sign = 1.0 if excess < 0.0 else -1.0
    row = simplex.inverse[position].copy()
    alpha = _row_times_usage(row, usage)
    column, ratio = _candidates(simplex, fixed, at_one, alpha, row, sign)
    entering, step = _ratio_test(simplex, usage, at_one, basic_value, alpha, column, ratio, abs(excess))
    if entering < 0:
        _add_multiple(simplex.multipliers, sign * _INFEASIBLE_STEP, row)
        return False
    _add_multiple(simplex.multipliers, sign * step, row)
    _add_multiple(simplex.reduced, -(sign * step), alpha)
    _exchange(simplex, usage, fixed, at_one, basic_value, position, entering, sign)
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
    basic_value: Floats,
    alpha: Floats,
    column: Ints,
    ratio: Floats,
    slope: float,
) -> tuple[int, float]:
    """Entering column and dual step; requests whose ratio is passed before flip to their other bound.

    The bound falls along the step at the rate ``slope``, initially the violation, less the alpha of every flipped
    request.
    """
    moved = np.zeros(basic_value.size)
    count, entering, step = column.size, -1, 0.0
    unsorted = column.size - _SORT_AFTER  # searching for each of many minima takes quadratic time
    while count > 0:
        if count == unsorted:
            order = np.argsort(-ratio[:count])
            columns, ratios = column[order], ratio[order]
            for place in range(count):
                column[place], ratio[place] = columns[place], ratios[place]
        nearest = np.argmin(ratio[:count]) if count > unsorted else count - 1
        j, step = column[nearest], ratio[nearest]
        slope -= abs(alpha[j]) if j < alpha.size else np.inf
        if slope <= 0.0:
            entering = j
            break
        direction = -1.0 if at_one[j] else 1.0
        for k in range(moved.size):
            moved[k] += direction * usage[k, j]
        at_one[j] = not at_one[j]
        count -= 1
        column[nearest], ratio[nearest] = column[count], ratio[count]
    _add_multiple(basic_value, -1.0, _times(simplex.inverse, moved))
    return entering, step


@njit(cache=True, no_cpython_wrapper=True)
def _candidates(
    simplex: Simplex, fixed: SmallInts, at_one: Flags, alpha: Floats, row: Floats, sign: float
) -> tuple[Ints, Floats]:
    """Columns that move the leaving one towards its bounds, and the step at which each one's reduced profit is zero."""
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
    fixed: SmallInts,
    at_one: Flags,
    basic_value: Floats,
    position: int,
    entering: int,
    sign: float,
) -> None:
    """Exchange the entering and the leaving column; the leaving one becomes nonbasic at the bound that it violated."""
    leaving = simplex.basis[position]
    lowest, highest = _bounds(leaving, fixed)
    rest = lowest if sign > 0 else highest
    n = fixed.size
    rises_from = 1.0 if entering < n and at_one[entering] else 0.0
    ahead = _ahead(simplex.inverse, usage, entering, n)
    step = (basic_value[position] - rest) / ahead[position]
    _add_multiple(basic_value, -step, ahead)
    basic_value[position] = rises_from + step
    for k in range(basic_value.size):
        simplex.inverse[position, k] /= ahead[position]
    for r in range(basic_value.size):
        if r != position:
            _add_multiple(simplex.inverse[r], -ahead[r], simplex.inverse[position])
    simplex.basis[position] = entering
    simplex.pivots[0] += 1
    if leaving < n:
        at_one[leaving] = rest == 1.0
    if entering < n:
        at_one[entering] = False


@njit(cache=True, no_cpython_wrapper=True)
def _ahead(inverse: Floats, usage: Floats, entering: int, n: int) -> Floats:
    """Change [m] of the basic columns per unit of the entering one, which is a request or the slack of a row."""
    ahead = np.zeros(inverse.shape[0])
    for r in range(ahead.size):
        if entering >= n:
            ahead[r] = inverse[r, entering - n]
            continue
        for k in range(ahead.size):
            ahead[r] += inverse[r, k] * usage[k, entering]
    return ahead
