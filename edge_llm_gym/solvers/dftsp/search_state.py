"""State of the exact search for the best batch: records of arrays that its modules share."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_llm_gym.compiled import kernel, njit
from edge_llm_gym.problems.arrays import Flags, Floats, Ints, SmallInts
from edge_llm_gym.solvers.dftsp.multipliers import Simplex

_PROGRESS_FIELDS = [
    ("best", np.float64),  # total of the best set found: its profit less the price of its shared time
    ("goal", np.float64),  # total that the search tries to reach
    ("step", np.float64),  # how far below the upper bound the goal lies
    ("granularity", np.float64),  # every total is a multiple of this; 0 where there is no such number
    ("open_bound", np.float64),  # upper bound of all pairs when they were last compared
    ("nodes", np.int64),  # search nodes visited so far, including priced pairs
    ("row", np.int64),  # the current pair
    ("column", np.int64),
    ("bound", np.float64),  # upper bound of its core
    ("open", np.int64),  # number of open requests in its core
    ("compare_from", np.int64),  # node from which on its requests are compared with one another
    ("depth", np.int64),  # depth in the core's tree; -1 if no pair is being searched
    ("first_row", np.int64),  # window of the rows with open columns
    ("last_row", np.int64),
    ("first_column", np.int64),  # first of all open columns
]
# With np.record, the fields of an element are attributes also in uncompiled runs (NUMBA_DISABLE_JIT=1).
PROGRESS = np.dtype((np.record, _PROGRESS_FIELDS))

MARGIN = 1e-9
"""Totals closer than this, in units of the greatest single profit, count as equal."""

_FEW = 15  # items that `np.argsort` of numba inserts one by one
_FEW_STABLE = 32  # items that are inserted one by one where the order does not depend on the method
_RUN = 16  # items of a sorted run before the first merge
DOMINANCE_LINKS = 4
"""Dominating and dominated requests that are stored for a request: since dominance is transitive, few are enough."""


class Core(NamedTuple):
    """The requests of the current pair that its multipliers leave open, and the position in their search tree.

    Leaving a request of positive reduced profit, or taking one of negative, *costs* its absolute reduced profit. The
    difference between a set and the Lagrangian bound is the sum of these costs and of the price of its unused capacity.
    """

    request: Ints  # [n] the open requests, by falling cost; only the first `open` entries are in use
    cost: Floats  # [n + 1] of deciding against the sign of the reduced profit
    usage: Floats  # [n + 1, m]
    max_usage: Floats  # [n + 1, m] most that the requests from this one on can use
    max_release: Floats  # [n + 1, m] most that they can release, in a row with negative usage
    remaining: Floats  # [n + 1, m] remaining capacity at each depth of the current path
    path_cost: Floats  # [n + 1] cost of the current path down to each depth
    branch: SmallInts  # [n + 1] branches started at each depth
    dominance: Ints  # [n, 2, DOMINANCE_LINKS] nearest earlier requests dominated by each one / dominating it
    chosen: Flags  # [n] requests taken on the current path, including fixed ones


class PairWork(NamedTuple):
    """What is computed for the current pair, or for all pairs by the multipliers of the current one."""

    capacity: Floats  # [m] of the current pair
    remaining: Floats  # [m] of it, less what the greedy batch or the fixed requests use
    chosen: Flags  # [n] greedy batch
    request: Ints  # [n] requests that are sorted by their keys
    key: Floats  # [n]
    order: Ints  # [n] places of the keys by rising key
    cost: Floats  # [n] of deciding against the sign of the reduced profit, -1 for fixed requests
    gains: Floats  # [C] positive reduced profits of the requests with each shared time
    attainable: Floats  # [C] of a row: price of its capacity and gains up to each column
    budget_penalty: Floats  # [R] greatest reduced profit, at most 0, of the requests with each budget
    shared_penalty: Floats  # [C] the same for each shared time
    shared_part: Floats  # [C] price of each longest shared time, and of the capacity that it uses
    latest: Ints  # [C] last row with a request of each shared time


class Items(NamedTuple):
    """What n requests bring to a search, scaled to numbers of about 1."""

    profit: Floats  # [n]
    usage: Floats  # [m, n] of each row
    capacity: Floats  # [m] limit of each row; that of time is not read
    budget: Floats  # [n]
    shared: Floats  # [n] shared time


class Search(NamedTuple):
    """One problem of n requests with m rows: time, memory, uplink, downlink; in a tie-break also a least total value.

    A *pair* (row, column) fixes the tightest budget and the longest shared time of the batch. The capacity of its time
    row is then the constant ``budget[row] - shared[0, column]``, the price of its shared time the constant
    ``shared_cost[column]``, and the problem a knapsack. Profits and rows are scaled to about 1.
    """

    profit: Floats  # [n] contribution of each request to the total to be maximised
    usage: Floats  # [m, n] usage of each row by each request
    capacity: Floats  # [m] limit of each row, except time, which depends on the pair
    row: Ints  # [n] rank of each request's budget among the distinct budgets
    column: Ints  # [n] rank of its shared time among the distinct shared times
    by_falling_budget: Ints  # [n] requests by falling budget
    budget: Floats  # [R] distinct budgets, rising
    shared: Floats  # [m, C] what each distinct shared time uses of each row; row 0 holds the times, rising
    shared_cost: Floats  # [C] price of each distinct shared time, in units of the profit
    sole_of_row: Ints  # [R] the only request with this budget, -1 if there are several
    sole_of_column: Ints  # [C] the only request with this shared time, -1 if there are several
    has_both: Flags  # [R, C] whether some request has this budget and this shared time
    first_column: Ints  # [R] window of the columns of each row that may still contain a better set: its open columns
    last_column: Ints  # [R]
    bound: Floats  # [R, C] upper bound on the total of the pair's sets; -inf for a pair that is not needed
    priced: Flags  # [R, C] whether the pair's own relaxation was solved
    fixed: SmallInts  # [n] current pair: FREE, 0 or 1 for each request
    best_set: Flags  # [n] the best set found
    simplex: Simplex
    core: Core
    work: PairWork
    progress: NDArray[np.void]  # [1] of PROGRESS


@kernel
def start_progress(progress: NDArray[np.void]) -> None:
    """Write the ``progress`` [1] of a search that has not begun."""
    first = progress[0]
    first.best, first.goal, first.step, first.granularity = 0.0, np.inf, 0.0, 0.0
    first.open_bound, first.nodes, first.row, first.column = np.inf, 0, 0, 0
    first.bound, first.open, first.compare_from, first.depth = 0.0, 0, 0, -1
    first.first_row, first.last_row, first.first_column = 0, 0, 0


@kernel
def write_pair_capacity(search: Search, row: int, column: int, capacity: Floats) -> None:
    """Write the capacity [m] of each row for the batches of a pair."""
    for k in range(capacity.size):
        capacity[k] = search.capacity[k] - search.shared[k, column]
    capacity[0] = search.budget[row] - search.shared[0, column]


@kernel
def rising_order(key: Floats, order: Ints) -> None:
    """Write the order of rising ``key`` [n] that `np.argsort` gives."""
    if key.size > _FEW:
        _sort_many(key, order)
    else:
        insert_all(key, order)


@kernel
def insert_all(key: Floats, order: Ints) -> None:
    """Write the stable order of rising ``key`` [n]; takes quadratic time."""
    _insert(key, order, 0, key.size)


@kernel
def _insert(key: Floats, order: Ints, start: int, stop: int) -> None:
    for place in range(start, stop):
        item = place
        while item > start and key[place] < key[order[item - 1]]:
            order[item] = order[item - 1]
            item -= 1
        order[item] = place


@kernel
def stable_order(key: Floats, order: Ints) -> None:
    """Write the stable order of rising ``key`` [n]."""
    if key.size > _FEW_STABLE:
        _merge_many(key, order)
    else:
        insert_all(key, order)


@njit(cache=True, _nrt=True)
def _merge_many(key: Floats, order: Ints) -> None:
    """Insert in short runs and merge neighbouring ones: faster to compile than a stable `np.argsort`."""
    merged, run = np.empty_like(order), _RUN
    for start in range(0, key.size, run):
        _insert(key, order, start, min(start + run, key.size))
    while run < key.size:
        for start in range(0, key.size, 2 * run):
            _merge(key, order, merged, start, run)
        for place in range(key.size):
            order[place] = merged[place]
        run *= 2


@kernel
def _merge(key: Floats, order: Ints, merged: Ints, start: int, run: int) -> None:
    """Write two neighbouring runs of the ``order`` [n] as one; of equal keys the one that stands before comes first."""
    middle, stop = min(start + run, key.size), min(start + 2 * run, key.size)
    left, right = start, middle
    for place in range(start, stop):
        if right >= stop or (left < middle and not key[order[right]] < key[order[left]]):
            merged[place] = order[left]
            left += 1
        else:
            merged[place] = order[right]
            right += 1


@njit(cache=True, _nrt=True)
def _sort_many(key: Floats, order: Ints) -> None:
    sorted_ = np.argsort(key)
    for place in range(key.size):
        order[place] = sorted_[place]


@kernel
def next_better(search: Search) -> float:
    """Least total that counts as an improvement on the best set."""
    progress = search.progress[0]
    return progress.best + (progress.granularity - MARGIN if progress.granularity > 0.0 else MARGIN)


@kernel
def _total(search: Search, chosen: Flags) -> float:
    """Profit of a set [n] less the price of its own longest shared time."""
    total, longest = 0.0, -1
    for j in range(chosen.size):
        if chosen[j]:
            total += search.profit[j]
            longest = max(longest, search.column[j])
    return total - search.shared_cost[longest] if longest >= 0 else total


@kernel
def record_candidate(search: Search, chosen: Flags) -> None:
    """Store the set ``chosen`` [n] if its total exceeds the best so far, and raise the goal to an improvement."""
    progress = search.progress[0]
    total = _total(search, chosen)
    if total > progress.best:
        progress.best = total
        for j in range(chosen.size):
            search.best_set[j] = chosen[j]
    progress.goal = max(progress.goal, next_better(search))
