"""Bounds on all pairs of a tightest budget and a longest shared time, from one vector of multipliers by prefix sums."""

import numpy as np

from edge_llm_gym.compiled import kernel
from edge_llm_gym.problems.arrays import Floats
from edge_llm_gym.solvers.clock import is_running, out_of_time
from edge_llm_gym.solvers.dftsp.multipliers import FREE
from edge_llm_gym.solvers.dftsp.search_state import Search, next_better, rising_order, write_pair_capacity


@kernel
def initialise_pair_bounds(search: Search) -> None:
    """Set a pair's bound to inf if some batch can have this tightest budget and longest shared time, else to -inf.

    The open columns of a row reach from its least shared time to the longest one within its budget. Entries of the
    tables outside are not written, and nothing reads them. Out of time, nothing reads the tables at all.
    """
    latest = search.work.latest
    for y in range(latest.size):
        latest[y] = -1
    for x in range(search.budget.size):
        search.first_column[x] = search.shared_cost.size
    for j in range(search.profit.size):
        x, y = search.row[j], search.column[j]
        search.first_column[x] = min(search.first_column[x], y)
        latest[y] = max(latest[y], x)
    limited, last = is_running(search.simplex.clock), -1
    for x in range(search.budget.size):
        while last + 1 < latest.size and search.shared[0, last + 1] <= search.budget[x]:
            last += 1
        search.last_column[x] = last
        if limited and out_of_time(search.simplex.clock, 3 * latest.size):
            return
        for y in range(search.first_column[x], last + 1):
            search.has_both[x, y], search.priced[x, y] = False, False
            search.bound[x, y] = np.inf if latest[y] >= x else -np.inf
    for j in range(search.profit.size):
        search.has_both[search.row[j], search.column[j]] = True


@kernel
def update_pair_bounds(search: Search) -> None:
    """Lower the bound of every open pair to what the present multipliers prove, and close pairs without a better set.

    Out of time, some bounds and open columns stay as they are, which is valid too.

    The Lagrangian bound of a pair is the price of its capacity, plus the positive reduced profits of the requests whose
    budget and shared time it allows, less the price of that shared time and an anchor penalty: the pair must contain a
    request with its budget and one with its shared time (the anchors), even if their reduced profits are negative.
    """
    progress, gains = search.progress[0], search.work.gains
    _write_anchor_penalties(search)
    fixed_part = 0.0
    for k in range(1, search.capacity.size):
        fixed_part += search.simplex.multipliers[k] * search.capacity[k]
    _write_shared_costs(search)
    for y in range(gains.size):
        gains[y] = 0.0
    arrived, limited, least = 0, is_running(search.simplex.clock), next_better(search)
    first_row, last_row, first_column = search.budget.size, -1, gains.size
    for x in range(search.budget.size - 1, progress.first_row - 1, -1):
        if limited and out_of_time(search.simplex.clock, 3 * gains.size):
            return
        arrived = _add_row_gains(search, arrived, x)
        if _is_open(search, x):
            _lower_row_bounds(search, x, fixed_part)
            _close_columns(search, x, least)
        if _is_open(search, x):
            first_row, last_row = x, max(last_row, x)
            first_column = min(first_column, search.first_column[x])
    progress.first_row, progress.last_row, progress.first_column = first_row, last_row, first_column


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
    last, budget_penalty = search.last_column[x], search.work.budget_penalty[x]
    _write_attainable(search, last, fixed_part + search.simplex.multipliers[0] * search.budget[x])
    columns = slice(search.first_column[x], last + 1)  # a loop over slices is vectorised, one over such indices is not
    attainable, shared_part = search.work.attainable[columns], search.work.shared_part[columns]
    shared_penalty, has_both = search.work.shared_penalty[columns], search.has_both[x, columns]
    bounds = search.bound[x, columns]
    for y in range(bounds.size):
        # A request with both this budget and this shared time may be both anchors.
        least, both = min(budget_penalty, shared_penalty[y]), budget_penalty + shared_penalty[y]
        bound = attainable[y] - shared_part[y] + (least if has_both[y] else both)
        bounds[y] = min(bounds[y], bound)


@kernel
def _write_attainable(search: Search, last: int, fixed_part: float) -> None:
    """Write the ``fixed_part`` plus the gains of all columns up to each open one, until the ``last``."""
    gains, first, before = search.work.gains, search.progress[0].first_column, 0.0
    for y in range(first):
        before += gains[y]
    fixed_part += before
    for y in range(first, last + 1):
        fixed_part += gains[y]
        search.work.attainable[y] = fixed_part


@kernel
def _is_open(search: Search, x: int) -> bool:
    return bool(search.first_column[x] <= search.last_column[x])


@kernel
def _close_columns(search: Search, x: int, least: float) -> None:
    """Close the outer columns of a row whose bounds are below the ``least`` total of a better set."""
    first, last = search.first_column[x], search.last_column[x]
    while first <= last and search.bound[x, first] < least:
        first += 1
    while first <= last and search.bound[x, last] < least:
        last -= 1
    search.first_column[x], search.last_column[x] = first, last


@kernel
def best_open_pair(search: Search) -> tuple[int, int, float]:
    """The open pair of the highest bound, and that bound; (-1, -1, -inf) if every pair is closed or out of time."""
    progress = search.progress[0]
    row, column, bound = -1, -1, -np.inf
    limited = is_running(search.simplex.clock)
    for x in range(progress.first_row, progress.last_row + 1):
        first, last = search.first_column[x], search.last_column[x]
        if limited and out_of_time(search.simplex.clock, last + 1 - first):
            return -1, -1, -np.inf
        for y in range(first, last + 1):
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
