"""Bounds on all pairs of a tightest budget and a longest shared time, from one vector of multipliers by prefix sums."""

import numpy as np

from edge_llm_gym.compiled import kernel, njit
from edge_llm_gym.problems.arrays import Floats
from edge_llm_gym.solvers.clock import is_running, out_of_time
from edge_llm_gym.solvers.dftsp.multipliers import FREE
from edge_llm_gym.solvers.dftsp.search_state import Search, next_better, rising_order, write_pair_capacity


@njit(cache=True, no_cpython_wrapper=True)
def initialise_pair_bounds(search: Search) -> None:
    """Set a pair's bound to inf if some batch can have this tightest budget and longest shared time, else to -inf.

    Out of time, the tables stay incomplete, and nothing reads them.
    """
    n, rows, columns = search.profit.size, search.budget.size, search.shared_cost.size
    shortest, latest = np.full(rows, columns), np.full(columns, -1)
    for j in range(n):
        shortest[search.row[j]] = min(shortest[search.row[j]], search.column[j])
        latest[search.column[j]] = max(latest[search.column[j]], search.row[j])
    limited = is_running(search.simplex.clock)
    for x in range(rows):
        if limited and out_of_time(search.simplex.clock, 3 * columns):
            return
        for y in range(columns):
            search.has_both[x, y], search.priced[x, y] = False, False
            needed = shortest[x] <= y and latest[y] >= x and search.budget[x] >= search.shared[0, y]
            search.bound[x, y] = np.inf if needed else -np.inf
    for j in range(n):
        search.has_both[search.row[j], search.column[j]] = True


@kernel
def update_pair_bounds(search: Search) -> None:
    """Lower the bound of every open pair to what the present multipliers prove, and shrink the window of open pairs.

    Out of time, some bounds and the window stay as they are, which is valid too.

    The Lagrangian bound of a pair is the price of its capacity, plus the positive reduced profits of the requests whose
    budget and shared time it allows, less the price of that shared time and an anchor penalty: the pair must contain a
    request with its budget and one with its shared time (the anchors), even if their reduced profits are negative.
    """
    progress, work = search.progress[0], search.work
    _write_anchor_penalties(search)
    fixed_part = 0.0
    for k in range(1, search.capacity.size):
        fixed_part += search.simplex.multipliers[k] * search.capacity[k]
    _write_shared_costs(search)
    for y in range(work.gains.size):
        work.gains[y] = 0.0
    arrived, limited = 0, is_running(search.simplex.clock)
    for x in range(search.budget.size - 1, progress.first_row - 1, -1):
        if limited and out_of_time(search.simplex.clock, 3 * work.gains.size):
            return
        arrived = _add_row_gains(search, arrived, x)
        if x <= progress.last_row:
            _lower_row_bounds(search, x, fixed_part)
    _shrink_window(search)


@kernel
def _write_shared_costs(search: Search) -> None:
    cost = search.work.shared_part
    for y in range(cost.size):
        cost[y] = search.shared_cost[y]
    for k in range(search.shared.shape[0]):
        for y in range(cost.size):
            cost[y] += search.simplex.multipliers[k] * search.shared[k, y]


@kernel
def _write_anchor_penalties(search: Search) -> None:
    budget_penalty, shared_penalty = search.work.budget_penalty, search.work.shared_penalty
    for x in range(budget_penalty.size):
        budget_penalty[x] = -np.inf
    for y in range(shared_penalty.size):
        shared_penalty[y] = -np.inf
    for j in range(search.profit.size):
        reduced = min(search.simplex.reduced[j], 0.0)
        budget_penalty[search.row[j]] = max(budget_penalty[search.row[j]], reduced)
        shared_penalty[search.column[j]] = max(shared_penalty[search.column[j]], reduced)


@kernel
def _add_row_gains(search: Search, arrived: int, x: int) -> int:
    """Add the positive reduced profits of row x to the gains; returns the number of requests added so far."""
    gains = search.work.gains
    while arrived < search.by_falling_budget.size and search.row[search.by_falling_budget[arrived]] == x:
        j = search.by_falling_budget[arrived]
        gains[search.column[j]] += max(search.simplex.reduced[j], 0.0)
        arrived += 1
    return arrived


@kernel
def _lower_row_bounds(search: Search, x: int, fixed_part: float) -> None:
    progress, gains, shared_part = search.progress[0], search.work.gains, search.work.shared_part
    budget_penalty, shared_penalty = search.work.budget_penalty[x], search.work.shared_penalty
    before = 0.0
    for y in range(progress.first_column):
        before += gains[y]
    fixed_part += search.simplex.multipliers[0] * search.budget[x] + before
    for y in range(progress.first_column, progress.last_column + 1):
        fixed_part += gains[y]
        # A request with both this budget and this shared time may be both anchors.
        least, both = min(budget_penalty, shared_penalty[y]), budget_penalty + shared_penalty[y]
        anchor_penalty = least if search.has_both[x, y] else both
        bound = fixed_part - shared_part[y] + anchor_penalty
        search.bound[x, y] = min(search.bound[x, y], bound)


@kernel
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


@kernel
def best_open_pair(search: Search) -> tuple[int, int, float]:
    """The open pair of the highest bound, and that bound; (-1, -1, -inf) if every pair is closed or out of time."""
    progress = search.progress[0]
    row, column, bound = -1, -1, -np.inf
    limited = is_running(search.simplex.clock)
    for x in range(progress.first_row, progress.last_row + 1):
        if limited and out_of_time(search.simplex.clock, progress.last_column - progress.first_column + 1):
            return -1, -1, -np.inf
        for y in range(progress.first_column, progress.last_column + 1):
            if search.bound[x, y] > bound:
                row, column, bound = x, y, search.bound[x, y]
    progress.open_bound = min(progress.open_bound, bound)
    return row, column, bound


@kernel
def fix_requests(search: Search) -> None:
    """Fix requests outside the current pair to 0, and its sole possible anchors to 1."""
    row, column = search.progress[0].row, search.progress[0].column
    for j in range(search.fixed.size):
        inside = search.row[j] >= row and search.column[j] <= column
        search.fixed[j] = FREE if inside else 0
    if search.sole_of_row[row] >= 0:
        search.fixed[search.sole_of_row[row]] = 1
    if search.sole_of_column[column] >= 0:
        search.fixed[search.sole_of_column[column]] = 1


@kernel
def choose_greedily(search: Search) -> bool:
    """Choose the greedy batch of the current pair, by falling reduced profit; whether it is feasible."""
    work = search.work
    remaining, chosen = work.remaining, work.chosen
    write_pair_capacity(search, search.progress[0].row, search.progress[0].column, remaining)
    for j in range(chosen.size):
        chosen[j], work.key[j] = False, -search.simplex.reduced[j]
    rising_order(work.key, work.order)
    for place in range(chosen.size):
        j = work.order[place]
        if search.fixed[j] != 0 and _fits(search.usage, j, remaining):
            chosen[j] = True
            for k in range(remaining.size):
                remaining[k] -= search.usage[k, j]
    feasible = True
    for k in range(remaining.size):
        feasible &= remaining[k] >= 0.0
    return feasible


@kernel
def _fits(usage: Floats, j: int, remaining: Floats) -> bool:
    fits = True
    for k in range(remaining.size):
        fits &= usage[k, j] <= max(remaining[k], 0.0)
    return fits
