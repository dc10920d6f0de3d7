"""The most profitable batch of every duration, by depth-first search over sets of requests."""

from typing import NamedTuple

import numpy as np
from numba import njit

from edge_llm_gym.arrays import Array
from edge_llm_gym.problems.feasibility import KV_USAGE

VISITS = 200_000
"""Sets that one search looks at; what it leaves open then counts with its upper bound."""
CELL_TOLERANCE = 1e-9
TINY = 1e-300


class Workspace(NamedTuple):
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


def new_workspace(requests: int, cells: int) -> Workspace:
    """An empty workspace."""
    depths = requests + 1
    return Workspace(
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
def offer(
    workspace: Workspace, count: int, entry: int, profit: float, work_s: float, shared_s: float, usage: Array
) -> None:
    """Puts a request among the `count` that lie on the workspace, in order of falling profit."""
    place = count
    while place > 0 and workspace.profit[place - 1] < profit:
        workspace.entry[place], workspace.profit[place] = workspace.entry[place - 1], workspace.profit[place - 1]
        workspace.work_s[place], workspace.shared_s[place] = workspace.work_s[place - 1], workspace.shared_s[place - 1]
        workspace.usage[place] = workspace.usage[place - 1]
        place -= 1
    workspace.entry[place], workspace.profit[place] = entry, profit
    workspace.work_s[place], workspace.shared_s[place], workspace.usage[place] = work_s, shared_s, usage


@njit(cache=True)
def search(workspace: Workspace, count: int, cells: int, cell_s: float, price: float, most: int = VISITS) -> None:
    """Fills `worth` up to `cells`, and `members`, from the `count` requests on the workspace.

    A batch is one request or more, within 1 of every resource; its profit is the sum of theirs less `price` times
    their greatest shared time. After `most` sets looked at, the rest of `worth` are upper bounds.
    """
    _begin(workspace, count, cells)
    depth, visits = 0, 0
    while depth >= 0:
        if not _promises(workspace, depth, count, cell_s, price):
            depth -= 1
            continue
        if visits == most:
            _give_up(workspace, depth, count, cells, cell_s, price)
            return
        visits += 1
        request = workspace.next[depth]
        workspace.next[depth] += 1
        if _joins(workspace, depth, request, cells, cell_s):
            depth += 1
            _record(workspace, depth, cells, cell_s, price)


@njit(cache=True)
def _begin(workspace, count, cells):  # type: ignore[no-untyped-def]
    """Stands at the root: no members, everybody to be tried."""
    workspace.worth[: cells + 1] = -np.inf
    workspace.size[0], workspace.next[0] = 0, 0
    workspace.sum_profit[0], workspace.sum_work_s[0], workspace.max_shared_s[0], workspace.sum_usage[0] = (
        0.0,
        0.0,
        0.0,
        0.0,
    )
    workspace.to_gain[count], workspace.density[count] = 0.0, 0.0
    for i in range(count - 1, -1, -1):
        workspace.to_gain[i] = workspace.to_gain[i + 1] + max(workspace.profit[i], 0.0)
        workspace.density[i] = max(
            workspace.density[i + 1], workspace.profit[i] / max(workspace.usage[i, KV_USAGE], TINY)
        )


@njit(cache=True, inline="always")
def _bound(workspace: Workspace, depth: int, price: float) -> float:
    """Upper bound on the profit of the sets below the members of a depth that are still to be tried."""
    request = workspace.next[depth]
    gain = min(workspace.to_gain[request], workspace.density[request] * (1.0 - workspace.sum_usage[depth, KV_USAGE]))
    return workspace.sum_profit[depth] + gain - price * workspace.max_shared_s[depth]


@njit(cache=True, inline="always")
def _promises(workspace: Workspace, depth: int, count: int, cell_s: float, price: float) -> bool:
    """Whether a set below this depth may be worth more than those found; none of them is shorter than its members."""
    if workspace.next[depth] == count:
        return False
    duration_s = workspace.sum_work_s[depth] + workspace.max_shared_s[depth]
    return _bound(workspace, depth, price) > workspace.worth[cells_of(duration_s, cell_s)]


@njit(cache=True, inline="always")
def _joins(workspace: Workspace, depth: int, request: int, cells: int, cell_s: float) -> bool:
    """Whether a request fits with the members of a depth; if so, they stand together one depth below."""
    below = depth + 1
    workspace.sum_work_s[below] = workspace.sum_work_s[depth] + workspace.work_s[request]
    workspace.max_shared_s[below] = max(workspace.max_shared_s[depth], workspace.shared_s[request])
    if cells_of(workspace.sum_work_s[below] + workspace.max_shared_s[below], cell_s) > cells:
        return False
    for resource in range(workspace.usage.shape[1]):
        workspace.sum_usage[below, resource] = workspace.sum_usage[depth, resource] + workspace.usage[request, resource]
        if workspace.sum_usage[below, resource] > 1.0:
            return False
    workspace.sum_profit[below] = workspace.sum_profit[depth] + workspace.profit[request]
    workspace.next[below] = request + 1
    return True


@njit(cache=True, inline="always")
def _record(workspace, depth, cells, cell_s, price):  # type: ignore[no-untyped-def]
    """Takes the members of a depth down wherever they are the best so far."""
    profit = workspace.sum_profit[depth] - price * workspace.max_shared_s[depth]
    duration = cells_of(workspace.sum_work_s[depth] + workspace.max_shared_s[depth], cell_s)
    if profit > workspace.worth[cells]:
        workspace.size[0] = depth
        for level in range(depth):
            workspace.members[level] = workspace.entry[workspace.next[level] - 1]
    while duration <= cells and workspace.worth[duration] < profit:
        workspace.worth[duration] = profit
        duration += 1


@njit(cache=True)
def _give_up(workspace, deepest, count, cells, cell_s, price):  # type: ignore[no-untyped-def]
    """Counts every set that is still open with its upper bound."""
    for depth in range(deepest + 1):
        if workspace.next[depth] == count:
            continue
        bound = _bound(workspace, depth, price)
        first = cells_of(workspace.sum_work_s[depth] + workspace.max_shared_s[depth], cell_s)
        for duration in range(first, cells + 1):
            workspace.worth[duration] = max(workspace.worth[duration], bound)
