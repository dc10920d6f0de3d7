"""The most profitable batch of every duration, by depth-first search over sets of requests."""

from typing import NamedTuple

import numpy as np
from numba import njit

from edge_llm_gym.problems.feasibility import KV_USAGE
from edge_llm_gym.sim.state import Array

VISITS = 200_000
"""Sets that one search looks at; what it leaves open then counts with its upper bound."""
CELL_TOLERANCE = 1e-9
TINY = 1e-300


class Desk(NamedTuple):
    """Working space of searches over at most n requests and B cells; a depth is a number of members."""

    entry: Array  # [n] int64, requests to choose from, most profitable first
    profit: Array  # [n] without the price of the shared time
    work_s: Array  # [n]
    shared_s: Array  # [n]
    usage: Array  # [n, 3]
    to_gain: Array  # [n + 1] sum of the positive profits from here on
    density: Array  # [n + 1] greatest profit per share of the KV room from here on
    next: Array  # [n + 1] int64, by depth: the next request to try
    sum_profit: Array  # [n + 1] by depth, of the members so far
    sum_work_s: Array  # [n + 1]
    max_shared_s: Array  # [n + 1]
    sum_usage: Array  # [n + 1, 3]
    worth: Array  # [B + 1] greatest profit of a batch that lasts at most so many cells, -inf where there is none
    members: Array  # [n] int64, entries of the best batch found that lasts at most all the cells asked for ...
    size: Array  # [1] int64, ... and how many they are


def new_desk(requests: int, cells: int) -> Desk:
    """An empty desk."""
    depths = requests + 1
    return Desk(
        entry=np.zeros(requests, np.int64),
        profit=np.zeros(requests),
        work_s=np.zeros(requests),
        shared_s=np.zeros(requests),
        usage=np.zeros((requests, 3)),
        to_gain=np.zeros(depths),
        density=np.zeros(depths),
        next=np.zeros(depths, np.int64),
        sum_profit=np.zeros(depths),
        sum_work_s=np.zeros(depths),
        max_shared_s=np.zeros(depths),
        sum_usage=np.zeros((depths, 3)),
        worth=np.zeros(cells + 1),
        members=np.zeros(requests, np.int64),
        size=np.zeros(1, np.int64),
    )


@njit(cache=True, inline="always")
def cells_of(duration_s: float, cell_s: float) -> int:
    """Cells that a duration takes, at least one."""
    return max(1, int(np.ceil(duration_s / cell_s - CELL_TOLERANCE)))


@njit(cache=True)
def offer(desk: Desk, count: int, entry: int, profit: float, work_s: float, shared_s: float, usage: Array) -> None:
    """Puts a request among the `count` that lie on the desk, in order of falling profit."""
    place = count
    while place > 0 and desk.profit[place - 1] < profit:
        desk.entry[place], desk.profit[place] = desk.entry[place - 1], desk.profit[place - 1]
        desk.work_s[place], desk.shared_s[place] = desk.work_s[place - 1], desk.shared_s[place - 1]
        desk.usage[place] = desk.usage[place - 1]
        place -= 1
    desk.entry[place], desk.profit[place] = entry, profit
    desk.work_s[place], desk.shared_s[place], desk.usage[place] = work_s, shared_s, usage


@njit(cache=True)
def search(desk: Desk, count: int, cells: int, cell_s: float, price: float, most: int = VISITS) -> None:
    """Fills `worth` up to `cells`, and `members`, from the `count` requests on the desk.

    A batch is one request or more, within 1 of every resource; its profit is the sum of theirs less `price` times
    their greatest shared time. After `most` sets looked at, the rest of `worth` are upper bounds.
    """
    _begin(desk, count, cells)
    depth, visits = 0, 0
    while depth >= 0:
        if not _promises(desk, depth, count, cell_s, price):
            depth -= 1
            continue
        if visits == most:
            _give_up(desk, depth, count, cells, cell_s, price)
            return
        visits += 1
        request = desk.next[depth]
        desk.next[depth] += 1
        if _joins(desk, depth, request, cells, cell_s):
            depth += 1
            _record(desk, depth, cells, cell_s, price)


@njit(cache=True)
def _begin(desk, count, cells):  # type: ignore[no-untyped-def]
    """Stands at the root: no members, everybody to be tried."""
    desk.worth[: cells + 1] = -np.inf
    desk.size[0], desk.next[0] = 0, 0
    desk.sum_profit[0], desk.sum_work_s[0], desk.max_shared_s[0], desk.sum_usage[0] = 0.0, 0.0, 0.0, 0.0
    desk.to_gain[count], desk.density[count] = 0.0, 0.0
    for i in range(count - 1, -1, -1):
        desk.to_gain[i] = desk.to_gain[i + 1] + max(desk.profit[i], 0.0)
        desk.density[i] = max(desk.density[i + 1], desk.profit[i] / max(desk.usage[i, KV_USAGE], TINY))


@njit(cache=True, inline="always")
def _bound(desk: Desk, depth: int, price: float) -> float:
    """Upper bound on the profit of the sets below the members of a depth that are still to be tried."""
    request = desk.next[depth]
    gain = min(desk.to_gain[request], desk.density[request] * (1.0 - desk.sum_usage[depth, KV_USAGE]))
    return desk.sum_profit[depth] + gain - price * desk.max_shared_s[depth]


@njit(cache=True, inline="always")
def _promises(desk: Desk, depth: int, count: int, cell_s: float, price: float) -> bool:
    """Whether a set below this depth may be worth more than those found; none of them is shorter than its members."""
    if desk.next[depth] == count:
        return False
    duration_s = desk.sum_work_s[depth] + desk.max_shared_s[depth]
    return _bound(desk, depth, price) > desk.worth[cells_of(duration_s, cell_s)]


@njit(cache=True, inline="always")
def _joins(desk: Desk, depth: int, request: int, cells: int, cell_s: float) -> bool:
    """Whether a request fits with the members of a depth; if so, they stand together one depth below."""
    below = depth + 1
    desk.sum_work_s[below] = desk.sum_work_s[depth] + desk.work_s[request]
    desk.max_shared_s[below] = max(desk.max_shared_s[depth], desk.shared_s[request])
    if cells_of(desk.sum_work_s[below] + desk.max_shared_s[below], cell_s) > cells:
        return False
    for resource in range(desk.usage.shape[1]):
        desk.sum_usage[below, resource] = desk.sum_usage[depth, resource] + desk.usage[request, resource]
        if desk.sum_usage[below, resource] > 1.0:
            return False
    desk.sum_profit[below] = desk.sum_profit[depth] + desk.profit[request]
    desk.next[below] = request + 1
    return True


@njit(cache=True, inline="always")
def _record(desk, depth, cells, cell_s, price):  # type: ignore[no-untyped-def]
    """Takes the members of a depth down wherever they are the best so far."""
    profit = desk.sum_profit[depth] - price * desk.max_shared_s[depth]
    duration = cells_of(desk.sum_work_s[depth] + desk.max_shared_s[depth], cell_s)
    if profit > desk.worth[cells]:
        desk.size[0] = depth
        for level in range(depth):
            desk.members[level] = desk.entry[desk.next[level] - 1]
    while duration <= cells and desk.worth[duration] < profit:
        desk.worth[duration] = profit
        duration += 1


@njit(cache=True)
def _give_up(desk, deepest, count, cells, cell_s, price):  # type: ignore[no-untyped-def]
    """Counts every set that is still open with its upper bound."""
    for depth in range(deepest + 1):
        if desk.next[depth] == count:
            continue
        bound = _bound(desk, depth, price)
        first = cells_of(desk.sum_work_s[depth] + desk.max_shared_s[depth], cell_s)
        for duration in range(first, cells + 1):
            desk.worth[duration] = max(desk.worth[duration], bound)
