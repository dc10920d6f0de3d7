"""Pairs of a tightest budget and a longest shared time: one price list bounds them all in one pass of prefix sums."""

import numpy as np
from numba import njit

from edge_llm_gym.solvers.multipliers import FREE, Flags, Floats
from edge_llm_gym.solvers.state import Search, next_better, room_of


@njit(cache=True, no_cpython_wrapper=True)
def mark_needed(search: Search) -> None:
    """Give a bound to every pair that some batch can have as its tightest budget and longest shared time."""
    n, rows, columns = search.profit.size, search.budget.size, search.shared.size
    shortest, latest = np.full(rows, columns), np.full(columns, -1)
    for j in range(n):
        shortest[search.row[j]] = min(shortest[search.row[j]], search.column[j])
        latest[search.column[j]] = max(latest[search.column[j]], search.row[j])
        search.meets[search.row[j], search.column[j]] = True
    for x in range(rows):
        for y in range(columns):
            needed = shortest[x] <= y and latest[y] >= x and search.budget[x] >= search.shared[y]
            search.bound[x, y] = np.inf if needed else -np.inf


@njit(cache=True, no_cpython_wrapper=True)
def sweep(search: Search) -> None:
    """Lower the bound of every open pair to what the present multipliers prove, and shrink the window of open pairs.

    The Lagrangian bound of a pair prices its room, adds the positive reduced profits of the requests that are late
    enough and short enough for it, and pays for the request that must give it its budget and its shared time.
    """
    progress = search.progress[0]
    budget_toll, shared_toll = _tolls(search)
    fixed_part = (search.simplex.multipliers[1:] * search.room[1:]).sum()
    gains = np.zeros(search.shared.size)
    arrived = 0
    for x in range(search.budget.size - 1, progress.first_row - 1, -1):
        arrived = _add_row(search, gains, arrived, x)
        if x <= progress.last_row:
            _lower_row(search, x, gains, fixed_part, budget_toll[x], shared_toll)
    _shrink_window(search)


@njit(cache=True, no_cpython_wrapper=True)
def _tolls(search: Search) -> tuple[Floats, Floats]:
    """Best reduced profit, if negative, among the requests with each budget, and with each shared time."""
    budget_toll, shared_toll = np.full(search.budget.size, -np.inf), np.full(search.shared.size, -np.inf)
    for j in range(search.profit.size):
        reduced = min(search.simplex.reduced[j], 0.0)
        budget_toll[search.row[j]] = max(budget_toll[search.row[j]], reduced)
        shared_toll[search.column[j]] = max(shared_toll[search.column[j]], reduced)
    return budget_toll, shared_toll


@njit(cache=True, no_cpython_wrapper=True)
def _add_row(search: Search, gains: Floats, arrived: int, x: int) -> int:
    """Add the positive reduced profits of row x to the ``gains`` by column; returns how many requests are in now."""
    while arrived < search.latest_first.size and search.row[search.latest_first[arrived]] == x:
        j = search.latest_first[arrived]
        gains[search.column[j]] += max(search.simplex.reduced[j], 0.0)
        arrived += 1
    return arrived


@njit(cache=True, no_cpython_wrapper=True)
def _lower_row(
    search: Search, x: int, gains: Floats, fixed_part: float, budget_toll: float, shared_toll: Floats
) -> None:
    progress = search.progress[0]
    time_price = search.simplex.multipliers[0]
    fixed_part += time_price * search.budget[x] + gains[: progress.first_column].sum()
    for y in range(progress.first_column, progress.last_column + 1):
        fixed_part += gains[y]
        # One request may pay both tolls where it has both the budget and the shared time.
        toll = min(budget_toll, shared_toll[y]) if search.meets[x, y] else budget_toll + shared_toll[y]
        bound = fixed_part - time_price * search.shared[y] + toll
        search.bound[x, y] = min(search.bound[x, y], bound)


@njit(cache=True, no_cpython_wrapper=True)
def _shrink_window(search: Search) -> None:
    progress = search.progress[0]
    least = next_better(search)
    rows, columns = search.bound.shape
    first_row, last_row, first_column, last_column = rows, -1, columns, -1
    for x in range(progress.first_row, progress.last_row + 1):
        for y in range(progress.first_column, progress.last_column + 1):
            if search.bound[x, y] >= least:
                first_row, last_row = min(first_row, x), x
                first_column, last_column = min(first_column, y), max(last_column, y)
    progress.first_row, progress.last_row = first_row, last_row
    progress.first_column, progress.last_column = first_column, last_column


@njit(cache=True, no_cpython_wrapper=True)
def highest(search: Search) -> tuple[int, int, float]:
    """The open pair of the highest bound, and that bound; (-1, -1, -inf) when every pair is closed."""
    progress = search.progress[0]
    row, column, bound = -1, -1, -np.inf
    for x in range(progress.first_row, progress.last_row + 1):
        for y in range(progress.first_column, progress.last_column + 1):
            if search.bound[x, y] > bound:
                row, column, bound = x, y, search.bound[x, y]
    return row, column, bound


@njit(cache=True, no_cpython_wrapper=True)
def fix_outsiders(search: Search) -> None:
    """Fix who does not belong to the pair in hand to 0, and who alone can give it its budget or shared time to 1."""
    row, column = search.progress[0].row, search.progress[0].column
    for j in range(search.fixed.size):
        inside = search.row[j] >= row and search.column[j] <= column
        search.fixed[j] = FREE if inside else 0
    for alone in (search.row_alone[row], search.column_alone[column]):
        if alone >= 0:
            search.fixed[alone] = 1


@njit(cache=True, no_cpython_wrapper=True)
def greedy_batch(search: Search) -> tuple[Flags, bool]:
    """A batch of the pair in hand: by falling reduced profit, each that still fits; and whether it is feasible."""
    left = room_of(search, search.progress[0].row, search.progress[0].column)
    chosen = np.zeros(search.fixed.size, np.bool_)
    for j in np.argsort(-search.simplex.reduced):
        if search.fixed[j] != 0 and _fits(search.usage, j, left):
            chosen[j] = True
            left -= search.usage[:, j]
    return chosen, (left >= 0.0).all()


@njit(cache=True, no_cpython_wrapper=True)
def _fits(usage: Floats, j: int, left: Floats) -> bool:
    fits = True
    for k in range(left.size):
        fits &= usage[k, j] <= max(left[k], 0.0)
    return fits
