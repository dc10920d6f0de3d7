"""Batches and an upper bound without a search, for searches that end before they have their own."""

import numpy as np

from edge_llm_gym.compiled import kernel, part_kernel
from edge_llm_gym.compiled.totals import total
from edge_llm_gym.problems.arrays import Flags, Floats
from edge_llm_gym.solvers.clock import out_of_time
from edge_llm_gym.solvers.dftsp.multipliers import FREE, relax
from edge_llm_gym.solvers.dftsp.pairs import choose_greedily
from edge_llm_gym.solvers.dftsp.search_state import Search, record_candidate, rising_order, write_pair_capacity
from edge_llm_gym.solvers.dftsp.tree_search import upper_bound

_LEVELS = 8  # budgets and shared times that are tried as limits of a batch


@part_kernel
def probe(search: Search) -> None:
    """Bound all pairs by one relaxation, and record greedy batches of a few pairs.

    A search with a time limit begins with this, since the tables of all pairs take time that is quadratic in the number
    of requests.
    """
    for j in range(search.fixed.size):
        search.fixed[j] = FREE
    capacity = search.work.capacity
    write_pair_capacity(search, search.budget.size - 1, 0, capacity)
    bound = relax(search.simplex, search.profit, search.usage, capacity, search.fixed)
    search.progress[0].open_bound = bound - search.shared_cost[0]
    rows, columns = search.budget.size, search.shared_cost.size
    best_row = rows // 2
    for level in range(_LEVELS):
        row = level * rows // _LEVELS
        if _probe_pair(search, row, columns - 1):
            best_row = row
    for level in range(1, _LEVELS):
        _probe_pair(search, best_row, level * columns // _LEVELS)


@part_kernel
def _probe_pair(search: Search, row: int, column: int) -> bool:
    """Record the greedy batch of a pair; whether it is the best so far."""
    progress = search.progress[0]
    if out_of_time(search.simplex.clock, search.profit.size):
        return False
    progress.row, progress.column = row, column
    for j in range(search.fixed.size):
        search.fixed[j] = FREE if search.row[j] >= row and search.column[j] <= column else 0
    write_pair_capacity(search, row, column, search.work.capacity)
    relax(search.simplex, search.profit, search.usage, search.work.capacity, search.fixed)
    before = progress.best
    if choose_greedily(search):
        record_candidate(search, search.work.chosen)
    return bool(progress.best > before)


@part_kernel
def finish(search: Search) -> float:
    """Upper bound on the total of every set at the end of a search without proof; finite in any case.

    A search that has found no set takes that of :func:`choose_by_scarcity`.
    """
    bound = upper_bound(search)
    if not _any(search.best_set):
        choose_by_scarcity(search)
        record_candidate(search, search.work.chosen)
    if bound == np.inf:
        bound = fractional_bound(search)
    return max(bound, search.progress[0].best)


@kernel
def _any(chosen: Flags) -> bool:
    found = False
    for each in chosen:
        found |= each
    return found


@kernel
def fractional_bound(search: Search) -> float:
    """The least bound of the rows: each alone, with the latest budget, as a knapsack of divisible requests."""
    least = total(search.profit)
    for k in range(search.usage.shape[0]):
        capacity = search.budget[-1] if k == 0 else search.capacity[k]
        least = min(least, _fractional_knapsack(search, k, capacity))
    return least


@kernel
def _fractional_knapsack(search: Search, k: int, capacity: float) -> float:
    """Greatest profit of parts of requests that use no more than the capacity of row k (Dantzig 1957)."""
    profit, usage, key, order = search.profit, search.usage[k], search.work.key, search.work.order
    for j in range(key.size):
        key[j] = usage[j] / profit[j]
    rising_order(key, order)
    total = 0.0
    for place in range(order.size):
        j = order[place]
        if usage[j] >= capacity:
            return total + (profit[j] * (capacity / usage[j]) if usage[j] > 0.0 else 0.0)
        total += profit[j]
        capacity -= usage[j]
    return total


@kernel
def choose_by_scarcity(search: Search) -> None:
    """Choose a set by greedy insertion by falling profit per share of the scarcest row, while it stays feasible."""
    chosen, used, key, order = search.work.chosen, search.work.remaining, search.work.key, search.work.order
    for k in range(used.size):
        used[k] = 0.0
    for j in range(chosen.size):
        chosen[j], key[j] = False, _scarcest_usage(search.usage, j) / search.profit[j]
    rising_order(key, order)
    row, column = search.budget.size - 1, -1
    for place in range(order.size):
        j = order[place]
        tightest, longest = min(row, search.row[j]), max(column, search.column[j])
        if _fits(search, used, j, tightest, longest) and _pays(search, j, column, longest):
            chosen[j] = True
            for k in range(used.size):
                used[k] += search.usage[k, j]
            row, column = tightest, longest


@kernel
def _scarcest_usage(usage: Floats, j: int) -> float:
    most = usage[0, j]
    for k in range(1, usage.shape[0]):
        most = max(most, usage[k, j])
    return most


@kernel
def _fits(search: Search, used: Floats, j: int, row: int, column: int) -> bool:
    fits = used[0] + search.usage[0, j] + search.shared[0, column] <= search.budget[row]
    for k in range(1, used.size):
        fits &= used[k] + search.usage[k, j] <= search.capacity[k]
    return fits


@kernel
def _pays(search: Search, j: int, before: int, after: int) -> bool:
    """Whether the request's profit is more than what the shared time then costs more."""
    cost = search.shared_cost[before] if before >= 0 else 0.0
    return bool(search.profit[j] > search.shared_cost[after] - cost)
