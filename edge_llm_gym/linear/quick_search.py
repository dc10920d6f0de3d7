"""A quick search for a node's batch of high net value: greedy insertion from several starts, then single exchanges.

The net value of a batch S with profits p is  sum of p - price * max(W + V - free, 0),  W being the sum of the times w
and V the largest shared time v. What a batch can do depends most on V, so each start admits requests up to another
quantile of v only. It inserts them by falling profit over their use of time, memory and bands.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel

SHARED_TIME_STARTS = 4
"""Quantiles of the candidates' shared times: starts admit requests up to one of them."""
BUDGET_STARTS = 3
"""Quantiles of the candidates' budgets: starts admit requests from one of them on."""
TOLERANCE = 1e-12


class NodeProblem(NamedTuple):
    """The batch problem of one node over n requests: time, memory and bands, with a price on its time."""

    time_s: Array  # [n]
    shared_time_s: Array  # [n]
    usage: Array  # [n, 3], shares of the free memory and of both bands
    budget_s: Array  # [n], longest batch that a request may join
    free_s: float  # time without a price
    cap_s: float  # longest batch
    price: float  # of a second beyond free_s


class Totals(NamedTuple):
    """A batch that grows: its sums and limits, in arrays of one number or three."""

    time_s: Array  # [1] sum of the times
    shared_time_s: Array  # [1] largest shared time
    limit_s: Array  # [1] least budget, at most the cap
    usage: Array  # [3]


@kernel
def _net(problem: NodeProblem, totals: Totals, profit: float) -> float:
    length_s = totals.time_s[0] + totals.shared_time_s[0]
    return profit - problem.price * max(length_s - problem.free_s, 0.0)


@kernel
def _fits(problem: NodeProblem, totals: Totals, one: int) -> bool:
    """Whether the batch stays feasible with one more request."""
    length_s = totals.time_s[0] + problem.time_s[one] + max(totals.shared_time_s[0], problem.shared_time_s[one])
    if length_s > min(totals.limit_s[0], problem.budget_s[one]):
        return False
    fits = True
    for resource in range(3):
        fits &= totals.usage[resource] + problem.usage[one, resource] <= 1.0
    return fits


@kernel
def _add(problem: NodeProblem, totals: Totals, one: int) -> None:
    totals.time_s[0] += problem.time_s[one]
    totals.shared_time_s[0] = max(totals.shared_time_s[0], problem.shared_time_s[one])
    totals.limit_s[0] = min(totals.limit_s[0], problem.budget_s[one])
    for resource in range(3):
        totals.usage[resource] += problem.usage[one, resource]


@kernel
def _clear(problem: NodeProblem, totals: Totals) -> None:
    totals.time_s[0], totals.shared_time_s[0], totals.limit_s[0] = 0.0, 0.0, problem.cap_s
    totals.usage[:] = 0.0


@kernel
def _sum_up(problem: NodeProblem, selected: Array, without: int, totals: Totals) -> None:
    """Writes the totals of a batch, one of its requests left out; -1 for none."""
    _clear(problem, totals)
    for one in range(selected.size):
        if selected[one] and one != without:
            _add(problem, totals, one)


@kernel
def _price_of(problem: NodeProblem, totals: Totals, one: int) -> float:
    """What the time that one more request adds to the batch costs."""
    before_s = totals.time_s[0] + totals.shared_time_s[0]
    after_s = totals.time_s[0] + problem.time_s[one] + max(totals.shared_time_s[0], problem.shared_time_s[one])
    return problem.price * (max(after_s - problem.free_s, 0.0) - max(before_s - problem.free_s, 0.0))


@njit(cache=True)
def _greedy(
    problem: NodeProblem,
    profit: Array,
    order: Array,
    largest_s: float,
    least_budget_s: float,
    selected: Array,
    totals: Totals,
) -> float:
    """Fills `selected` in an order, with requests that pay for their time and whose shared times and budgets are within
    limits; returns the profit."""
    _clear(problem, totals)
    selected[:] = False
    found = 0.0
    for one in order:
        if problem.shared_time_s[one] > largest_s or problem.budget_s[one] < least_budget_s:
            continue
        if not _fits(problem, totals, one):
            continue
        if profit[one] > _price_of(problem, totals, one):
            _add(problem, totals, one)
            selected[one] = True
            found += profit[one]
    return found


@njit(cache=True)
def _exchange(problem: NodeProblem, profit: Array, order: Array, selected: Array, totals: Totals) -> float:
    """Replaces single requests by others, or drops them, where that raises the net value; returns the net value."""
    _sum_up(problem, selected, -1, totals)
    found = (profit * selected).sum()
    best = _net(problem, totals, found)
    for out in order[::-1]:
        if not selected[out]:
            continue
        _sum_up(problem, selected, out, totals)
        rest, replacement = found - profit[out], -1
        gain = _net(problem, totals, rest) - best
        for one in order:
            if selected[one] or profit[one] - profit[out] <= gain or not _fits(problem, totals, one):
                continue
            more = _net(problem, totals, rest) + profit[one] - _price_of(problem, totals, one) - best
            if more > gain:
                gain, replacement = more, one
        if gain > TOLERANCE:
            selected[out], found, best = False, rest, best + gain
            if replacement >= 0:
                selected[replacement], found = True, rest + profit[replacement]
    _sum_up(problem, selected, -1, totals)
    for one in order:
        if not selected[one] and _fits(problem, totals, one) and profit[one] > _price_of(problem, totals, one):
            _add(problem, totals, one)
            selected[one], found = True, found + profit[one]
    return _net(problem, totals, found)


@njit(cache=True)
def _candidates(problem: NodeProblem, profit: Array, totals: Totals) -> Array:
    """Requests of a positive profit that fit alone, by falling profit over their use of the node."""
    _clear(problem, totals)
    ones, keys, count = np.empty(profit.size, np.int64), np.empty(profit.size), 0
    for one in range(profit.size):
        if profit[one] > 0.0 and _fits(problem, totals, one):
            use = problem.time_s[one] / max(problem.cap_s, TOLERANCE) + problem.usage[one].sum()
            ones[count], keys[count] = one, -profit[one] / (use + TOLERANCE)
            count += 1
    return ones[:count][np.argsort(keys[:count])]


@njit(cache=True)
def quick_batch(problem: NodeProblem, profit: Array, selected: Array) -> float:
    """Writes a batch of high net value into `selected` [n] bool; returns its net value, 0 for the empty batch."""
    totals = Totals(np.zeros(1), np.zeros(1), np.zeros(1), np.zeros(3))
    order = _candidates(problem, profit, totals)
    selected[:] = False
    if order.size == 0:
        return 0.0
    shared_s, budget_s = np.sort(problem.shared_time_s[order]), np.sort(problem.budget_s[order])
    trial, best = np.zeros(profit.size, np.bool_), 0.0
    for start in range(1, SHARED_TIME_STARTS + 1):
        largest_s = shared_s[(order.size * start - 1) // SHARED_TIME_STARTS]
        for rank in range(BUDGET_STARTS):
            least_budget_s = budget_s[order.size * rank // BUDGET_STARTS]
            found = _greedy(problem, profit, order, largest_s, least_budget_s, trial, totals)
            net = _net(problem, totals, found)
            if net > best:
                best = net
                selected[:] = trial
    return _exchange(problem, profit, order, selected, totals) if best > 0.0 else 0.0
