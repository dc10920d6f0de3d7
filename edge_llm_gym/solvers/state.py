"""What the exact search for the best batch knows and remembers: arrays shared by its parts."""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from edge_llm_gym.solvers.multipliers import Fixings, Flags, Floats, Ints, Simplex

PROGRESS = np.dtype(
    [
        ("best", np.float64),  # profit of the best set found
        ("goal", np.float64),  # profit that the search is trying to reach now
        ("step", np.float64),  # how far below the upper bound the goal lies
        ("grain", np.float64),  # every profit is a multiple of this; 0 where there is no such number
        ("nodes", np.int64),  # nodes of the search tree seen so far, priced pairs among them
        ("row", np.int64),  # the pair in hand
        ("column", np.int64),
        ("bound", np.float64),  # upper bound of its core
        ("open", np.int64),  # number of open requests in its core
        ("compare_from", np.int64),  # node from which on its requests are compared with one another
        ("depth", np.int64),  # where the search stands in the core's tree; -1 when no pair is in hand
        ("first_row", np.int64),  # window that holds all the pairs that may still have a better set
        ("last_row", np.int64),
        ("first_column", np.int64),
        ("last_column", np.int64),
    ]
)

MARGIN = 1e-9
"""Totals closer than this, in units of the greatest single profit, count as equal."""

RIVALS = 4
"""Of each kind are remembered for a request: few catch most, as a rival that yields yields to its own rivals too."""


class Core(NamedTuple):
    """The requests of the pair in hand that its multipliers leave open, and the position in their search tree.

    To leave a request of positive reduced profit, or to take one of negative, *costs* its absolute reduced profit. What
    a set falls short of the Lagrangian bound is the sum of such costs and of the price of the room it leaves unused.
    """

    request: Ints  # [n] the open requests, by falling cost; only the first `open` entries are in use
    cost: Floats  # [n] of deciding against the sign of the reduced profit
    usage: Floats  # [n, m]
    can_fill: Floats  # [n + 1, m] most that the requests from here on can use
    can_free: Floats  # [n + 1, m] most that they can give back, in a row with negative usage
    left: Floats  # [n + 1, m] room left at each depth of the present path
    spent: Floats  # [n + 1] cost of the present path down to each depth
    branch: NDArray[np.int8]  # [n + 1] branches already begun at each depth
    rivals: Ints  # [n, 2, RIVALS] nearest ones ahead that are dominated by each open request, and that dominate it
    chosen: Flags  # [n] requests taken on the present path, settled ones included


class Search(NamedTuple):
    """One problem of n requests under m rows: time, memory, uplink, downlink, and in a tie-break a floor on the value.

    A *pair* (row, column) fixes the tightest budget and the longest shared time of the batch. Its time row then has the
    plain room ``budget[row] - shared[column]``, and what is left is a knapsack. Profits and rows are scaled to about 1.
    """

    profit: Floats  # [n] what each request adds to the total to be maximised
    usage: Floats  # [m, n] what each request uses of each row
    room: Floats  # [m] limit of each row, but for the time, which depends on the pair
    row: Ints  # [n] rank of each request's budget among the distinct budgets
    column: Ints  # [n] rank of its shared time among the distinct shared times
    latest_first: Ints  # [n] requests by falling budget
    budget: Floats  # [R] distinct budgets, rising
    shared: Floats  # [C] distinct shared times, rising
    row_alone: Ints  # [R] the request that alone has this budget, -1 where several do
    column_alone: Ints  # [C] the request that alone has this shared time, -1 where several do
    meets: Flags  # [R, C] whether one request has both
    bound: Floats  # [R, C] no set of this pair is worth more; -inf for a pair that is not needed
    priced: Flags  # [R, C] whether the pair's own multipliers were tried
    fixed: Fixings  # [n] the pair in hand: FREE, 0 or 1 for each request
    best_set: Flags  # [n] the best set found
    simplex: Simplex
    core: Core
    progress: NDArray[np.void]  # [1] of PROGRESS


@njit(cache=True, no_cpython_wrapper=True)
def make_core(row_count: int, n: int) -> Core:
    """Room for a core of up to ``n`` requests."""
    return Core(
        np.empty(n, np.int64),
        np.empty(n),
        np.empty((n, row_count)),
        np.empty((n + 1, row_count)),
        np.empty((n + 1, row_count)),
        np.empty((n + 1, row_count)),
        np.empty(n + 1),
        np.empty(n + 1, np.int8),
        np.empty((n, 2, RIVALS), np.int64),
        np.empty(n, np.bool_),
    )


@njit(cache=True, no_cpython_wrapper=True)
def room_of(search: Search, row: int, column: int) -> Floats:
    """Room [m] that the pair's batches have in each row."""
    room = search.room.copy()
    room[0] = search.budget[row] - search.shared[column]
    return room


@njit(cache=True, no_cpython_wrapper=True)
def next_better(search: Search) -> float:
    """Least profit that counts as an improvement on the best set."""
    progress = search.progress[0]
    return progress.best + (progress.grain - MARGIN if progress.grain > 0.0 else MARGIN)


@njit(cache=True, no_cpython_wrapper=True)
def offer(search: Search, chosen: Flags) -> None:
    """Keep the set ``chosen`` [n] if it is worth more than the best so far, and never aim below an improvement."""
    progress = search.progress[0]
    worth = 0.0
    for j in range(chosen.size):
        if chosen[j]:
            worth += search.profit[j]
    if worth > progress.best:
        progress.best = worth
        search.best_set[:] = chosen
    progress.goal = max(progress.goal, next_better(search))
