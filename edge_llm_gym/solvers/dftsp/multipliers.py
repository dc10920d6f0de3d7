"""Lagrange multipliers of a 0-1 knapsack with a few rows, by a bounded dual simplex method.

The linear relaxation of  max profit x,  usage x <= capacity,  0 <= x <= 1  has as many basic columns as rows, four or
five here, so a pivot costs one pass over the requests. Its dual values price the rows. Whenever the method stops, and
whatever the rounding errors, :func:`lagrangian` turns its prices into a valid upper bound. Bounded columns follow the
long-step ratio test (Maros, "Computational techniques of the simplex method", 2003, chapter 10).
"""

from typing import NamedTuple

import numpy as np

from edge_llm_gym.compiled import kernel, njit, part_kernel
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
    basic_value: Floats  # [m] value of each basic column
    at_one: Flags  # [n] whether each request is nonbasic at its upper bound of one; false for basic requests
    alpha: Floats  # [n] of a pivot: change of each request's reduced profit per unit of the dual step
    column: Ints  # [n + m] of a pivot: columns that can enter the basis
    ratio: Floats  # [n + m] dual step at which the reduced profit of each of them is zero
    ahead: Floats  # [m] change of the basic columns per unit of the entering one
    moved: Floats  # [m] capacity that the nonbasic requests leave, or that flipped ones use


@part_kernel
def relax(simplex: Simplex, profit: Floats, usage: Floats, capacity: Floats, fixed: SmallInts) -> float:
    """Solve the linear relaxation from the last basis; returns the upper bound that its multipliers prove.

    ``profit`` [n], ``usage`` [m, n], ``capacity`` [m], ``fixed`` [n] of FREE, 0, 1. Writes the multipliers and reduced
    profits to ``simplex``. An infeasible problem gives a bound far below any other. Prices that overflow are reset to
    zero; the bound is then the sum of the profits.
    """
    if simplex.pivots[0] > _REFRESH_AFTER:
        reset_basis(simplex)
    _price_basis(simplex, profit)
    _update_reduced(simplex, profit, usage)
    _place_nonbasic(simplex, fixed)
    _update_basic_values(simplex, usage, capacity)
    limited = is_running(simplex.clock)
    for _ in range(_PIVOT_LIMIT):
        position, excess = _most_violated(simplex, fixed)
        if position < 0 or (limited and out_of_time(simplex.clock, 4 * usage.size)):
            break
        if not _pivot(simplex, usage, fixed, position, excess):
            break
    for k in range(simplex.multipliers.size):
        simplex.multipliers[k] = max(simplex.multipliers[k], 0.0)
    _update_reduced(simplex, profit, usage)
    bound = lagrangian(simplex, capacity, fixed)
    if np.isfinite(bound):
        return bound
    reset_basis(simplex)
    for k in range(simplex.multipliers.size):
        simplex.multipliers[k] = 0.0
    _update_reduced(simplex, profit, usage)
    return lagrangian(simplex, capacity, fixed)


@kernel
def lagrangian(simplex: Simplex, capacity: Floats, fixed: SmallInts) -> float:
    """Lagrangian bound: price of the capacity, plus the reduced profits of taken and of profitable free requests."""
    bound = 0.0
    for k in range(capacity.size):
        bound += simplex.multipliers[k] * capacity[k]
    for j in range(fixed.size):
        if fixed[j] == 1 or (fixed[j] == FREE and simplex.reduced[j] > 0.0):
            bound += simplex.reduced[j]
    return bound


@kernel
def reset_basis(simplex: Simplex) -> None:
    """Begin at the slack basis, with which all prices are zero; what the other arrays hold is not read."""
    n = simplex.reduced.size
    simplex.pivots[0] = 0
    for r in range(simplex.basis.size):
        simplex.basis[r] = n + r
        for k in range(simplex.basis.size):
            simplex.inverse[r, k] = 1.0 if r == k else 0.0


@kernel
def _price_basis(simplex: Simplex, profit: Floats) -> None:
    for k in range(simplex.multipliers.size):
        simplex.multipliers[k] = 0.0
    for position in range(simplex.basis.size):
        if simplex.basis[position] < profit.size:
            _add_multiple(simplex.multipliers, profit[simplex.basis[position]], simplex.inverse[position])


@kernel
def _add_multiple(target: Floats, factor: float, values: Floats) -> None:
    """Add ``factor`` times ``values`` to ``target``; a loop is less code to compile than an expression of arrays."""
    for place in range(target.size):
        target[place] += factor * values[place]


@kernel
def _update_reduced(simplex: Simplex, profit: Floats, usage: Floats) -> None:
    reduced = simplex.reduced
    for j in range(profit.size):
        reduced[j] = profit[j]
    for k in range(usage.shape[0]):
        price = simplex.multipliers[k]
        if price != 0.0:
            for j in range(profit.size):
                reduced[j] -= price * usage[k, j]


@kernel
def _place_nonbasic(simplex: Simplex, fixed: SmallInts) -> None:
    """Put each nonbasic request at the bound that its reduced profit or its decision asks for."""
    at_one = simplex.at_one
    for j in range(fixed.size):
        at_one[j] = fixed[j] == 1 or (fixed[j] == FREE and simplex.reduced[j] > 0.0)
    for position in range(simplex.basis.size):
        if simplex.basis[position] < fixed.size:
            at_one[simplex.basis[position]] = False


@kernel
def _update_basic_values(simplex: Simplex, usage: Floats, capacity: Floats) -> None:
    remaining = simplex.moved
    for k in range(capacity.size):
        remaining[k] = capacity[k]
    for j in range(simplex.at_one.size):
        if simplex.at_one[j]:
            for k in range(capacity.size):
                remaining[k] -= usage[k, j]
    for r in range(remaining.size):
        simplex.basic_value[r] = _dot(simplex.inverse[r], remaining)


@kernel
def _dot(left: Floats, right: Floats) -> float:
    product = 0.0
    for k in range(right.size):
        product += left[k] * right[k]
    return product


@kernel
def _most_violated(simplex: Simplex, fixed: SmallInts) -> tuple[int, float]:
    """Basic position farthest outside its bounds and the excess (negative: below them); -1 if all are within."""
    position, excess = -1, 0.0
    for r in range(simplex.basis.size):
        lowest, highest = _bounds(simplex.basis[r], fixed)
        value = simplex.basic_value[r]
        outside = min(value - lowest, 0.0) + max(value - highest, 0.0)
        if abs(outside) > max(abs(excess), _FEASIBLE):
            position, excess = r, outside
    return position, excess


@kernel
def _bounds(column: int, fixed: SmallInts) -> tuple[float, float]:
    if column >= fixed.size:
        return 0.0, np.inf
    if fixed[column] == FREE:
        return 0.0, 1.0
    return float(fixed[column]), float(fixed[column])


@kernel
def _pivot(simplex: Simplex, usage: Floats, fixed: SmallInts, position: int, excess: float) -> bool:
    """Remove the violated basic column; False if no column can enter, which proves the problem infeasible."""
    sign = 1.0 if excess < 0.0 else -1.0
    row = simplex.inverse[position]
    _multiply_usage(row, usage, simplex.alpha)
    count = _list_candidates(simplex, fixed, row, sign)
    entering, step = _ratio_test(simplex, usage, count, abs(excess))
    if entering < 0:
        _add_multiple(simplex.multipliers, sign * _INFEASIBLE_STEP, row)
        return False
    _add_multiple(simplex.multipliers, sign * step, row)
    _add_multiple(simplex.reduced, -(sign * step), simplex.alpha)
    _exchange(simplex, usage, fixed, position, entering, sign)
    return True


@kernel
def _multiply_usage(row: Floats, usage: Floats, alpha: Floats) -> None:
    """Write the product of a ``row`` [m] and the ``usage`` [m, n] to ``alpha`` [n]."""
    for j in range(alpha.size):
        alpha[j] = 0.0
    for k in range(usage.shape[0]):
        if row[k] != 0.0:
            for j in range(alpha.size):
                alpha[j] += row[k] * usage[k, j]


@kernel
def _ratio_test(simplex: Simplex, usage: Floats, count: int, slope: float) -> tuple[int, float]:
    """Entering column, of the first ``count`` candidates, and dual step; requests that it passes flip their bound.

    The bound falls along the step at the rate ``slope``, initially the violation, less the alpha of every flipped
    request.
    """
    column, ratio, at_one = simplex.column, simplex.ratio, simplex.at_one
    moved = simplex.moved
    for k in range(moved.size):
        moved[k] = 0.0
    entering, step = -1, 0.0
    unsorted = count - _SORT_AFTER  # searching for each of many minima takes quadratic time
    while count > 0:
        if count == unsorted:
            _sort_by_falling_ratio(column, ratio, count)
        nearest = _least(ratio, count) if count > unsorted else count - 1
        j, step = column[nearest], ratio[nearest]
        slope -= abs(simplex.alpha[j]) if j < at_one.size else np.inf
        if slope <= 0.0:
            entering = j
            break
        direction = -1.0 if at_one[j] else 1.0
        for k in range(moved.size):
            moved[k] += direction * usage[k, j]
        at_one[j] = not at_one[j]
        count -= 1
        column[nearest], ratio[nearest] = column[count], ratio[count]
    for r in range(moved.size):
        simplex.basic_value[r] -= _dot(simplex.inverse[r], moved)
    return entering, step


@kernel
def _least(ratio: Floats, count: int) -> int:
    """The place of the first of the least among the first ``count`` ratios."""
    least = 0
    for place in range(1, count):
        if ratio[place] < ratio[least]:
            least = place
    return least


@njit(cache=True, _nrt=True)
def _sort_by_falling_ratio(column: Ints, ratio: Floats, count: int) -> None:
    """Sort the first ``count`` candidates."""
    columns, falling = np.empty(count, np.int64), np.empty(count)
    for place in range(count):
        columns[place], falling[place] = column[place], -ratio[place]
    order = np.argsort(falling)
    for place in range(count):
        column[place], ratio[place] = columns[order[place]], -falling[order[place]]


@kernel
def _list_candidates(simplex: Simplex, fixed: SmallInts, row: Floats, sign: float) -> int:
    """List the columns that move the leaving one towards its bounds, with the step at which each one's reduced profit
    is zero; returns their number."""
    n, at_one, column, ratio = fixed.size, simplex.at_one, simplex.column, simplex.ratio
    count = 0
    for j in range(n):
        push = sign * simplex.alpha[j] if at_one[j] else -sign * simplex.alpha[j]
        if push > _TINY_PIVOT and fixed[j] == FREE and not _is_basic(simplex, j):
            gap = simplex.reduced[j] if at_one[j] else -simplex.reduced[j]
            column[count], ratio[count] = j, max(gap, 0.0) / push
            count += 1
    for k in range(row.size):
        if -sign * row[k] > _TINY_PIVOT and not _is_basic(simplex, n + k):
            column[count], ratio[count] = n + k, max(simplex.multipliers[k], 0.0) / (-sign * row[k])
            count += 1
    return count


@kernel
def _is_basic(simplex: Simplex, column: int) -> bool:
    found = False
    for position in range(simplex.basis.size):
        found |= simplex.basis[position] == column
    return found


@kernel
def _exchange(simplex: Simplex, usage: Floats, fixed: SmallInts, position: int, entering: int, sign: float) -> None:
    """Exchange the entering and the leaving column; the leaving one becomes nonbasic at the bound that it violated."""
    leaving, basic_value, inverse = simplex.basis[position], simplex.basic_value, simplex.inverse
    lowest, highest = _bounds(leaving, fixed)
    rest = lowest if sign > 0 else highest
    n = fixed.size
    rises_from = 1.0 if entering < n and simplex.at_one[entering] else 0.0
    ahead = simplex.ahead
    _write_ahead(inverse, usage, entering, ahead)
    step = (basic_value[position] - rest) / ahead[position]
    _add_multiple(basic_value, -step, ahead)
    basic_value[position] = rises_from + step
    for k in range(basic_value.size):
        inverse[position, k] /= ahead[position]
    for r in range(basic_value.size):
        if r != position:
            _add_multiple(inverse[r], -ahead[r], inverse[position])
    simplex.basis[position] = entering
    simplex.pivots[0] += 1
    if leaving < n:
        simplex.at_one[leaving] = rest == 1.0
    if entering < n:
        simplex.at_one[entering] = False


@kernel
def _write_ahead(inverse: Floats, usage: Floats, entering: int, ahead: Floats) -> None:
    """Write the change [m] of the basic columns per unit of the entering one, a request or the slack of a row."""
    n = usage.shape[1]
    for r in range(ahead.size):
        ahead[r] = 0.0
        if entering >= n:
            ahead[r] = inverse[r, entering - n]
            continue
        for k in range(ahead.size):
            ahead[r] += inverse[r, k] * usage[k, entering]
