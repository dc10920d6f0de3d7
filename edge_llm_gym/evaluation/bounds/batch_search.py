"""The most profitable batch of every duration, by depth-first branch and bound over sets of requests."""

import numpy as np

from edge_llm_gym.compiled import njit
from edge_llm_gym.evaluation.bounds.batch_workspace import Workspace
from edge_llm_gym.problems.feasibility import KV_USAGE

VISITS = 200_000
"""Sets that one search visits at most; sets beyond that count with their upper bounds."""
CELL_TOLERANCE = 1e-9
TINY = 1e-300


@njit(cache=True, inline="always")
def cells_of(duration_s: float, cell_s: float) -> int:
    """Number of cells that a duration spans, at least one."""
    return max(1, int(np.ceil(duration_s / cell_s - CELL_TOLERANCE)))


@njit(cache=True)
def search(workspace: Workspace, count: int, cells: int, cell_s: float, price: float, most: int = VISITS) -> None:
    """Fills `best_profit` up to `cells`, and `members`, from the `count` requests in the workspace.

    A batch holds at least one request and uses at most 1 of every resource. Its profit is the sum of the requests'
    profits less `price` times their greatest shared time. After `most` visited sets, `best_profit` holds upper bounds.
    """
    _start(workspace, count, cells)
    depth, visits = 0, 0
    while depth >= 0:
        if not _may_improve(workspace, depth, count, cell_s, price):
            depth -= 1
            continue
        if visits == most:
            _close_with_bounds(workspace, depth, count, cells, cell_s, price)
            return
        visits += 1
        request = workspace.next[depth]
        workspace.next[depth] += 1
        if _extend(workspace, depth, request, cells, cell_s):
            depth += 1
            _update_best(workspace, depth, cells, cell_s, price)


@njit(cache=True)
def _start(workspace: Workspace, count: int, cells: int) -> None:
    """Sets up the root of the search: no members, all requests still to be tried."""
    workspace.best_profit[: cells + 1] = -np.inf
    workspace.size[0], workspace.next[0] = 0, 0
    workspace.sum_profit[0], workspace.sum_work_s[0], workspace.max_shared_s[0], workspace.sum_usage[0] = (
        0.0,
        0.0,
        0.0,
        0.0,
    )
    workspace.profit_left[count], workspace.density[count] = 0.0, 0.0
    for i in range(count - 1, -1, -1):
        workspace.profit_left[i] = workspace.profit_left[i + 1] + max(workspace.profit[i], 0.0)
        workspace.density[i] = max(
            workspace.density[i + 1], workspace.profit[i] / max(workspace.usage[i, KV_USAGE], TINY)
        )


@njit(cache=True, inline="always")
def _bound(workspace: Workspace, depth: int, price: float) -> float:
    """Upper bound on the profit of the supersets of the members of a depth that are still to be tried."""
    request = workspace.next[depth]
    gain = min(
        workspace.profit_left[request], workspace.density[request] * (1.0 - workspace.sum_usage[depth, KV_USAGE])
    )
    return workspace.sum_profit[depth] + gain - price * workspace.max_shared_s[depth]


@njit(cache=True, inline="always")
def _may_improve(workspace: Workspace, depth: int, count: int, cell_s: float, price: float) -> bool:
    """Whether a superset of the members of a depth may improve on the best profits; none of them lasts shorter."""
    if workspace.next[depth] == count:
        return False
    duration_s = workspace.sum_work_s[depth] + workspace.max_shared_s[depth]
    return _bound(workspace, depth, price) > workspace.best_profit[cells_of(duration_s, cell_s)]


@njit(cache=True, inline="always")
def _extend(workspace: Workspace, depth: int, request: int, cells: int, cell_s: float) -> bool:
    """Whether a request fits in a batch with the members of a depth; if so, writes that batch one depth below."""
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
def _update_best(workspace: Workspace, depth: int, cells: int, cell_s: float, price: float) -> None:
    """Records the members of a depth for all durations for which they are the best so far."""
    profit = workspace.sum_profit[depth] - price * workspace.max_shared_s[depth]
    duration = cells_of(workspace.sum_work_s[depth] + workspace.max_shared_s[depth], cell_s)
    if profit > workspace.best_profit[cells]:
        workspace.size[0] = depth
        for level in range(depth):
            workspace.members[level] = workspace.entry[workspace.next[level] - 1]
    while duration <= cells and workspace.best_profit[duration] < profit:
        workspace.best_profit[duration] = profit
        duration += 1


@njit(cache=True)
def _close_with_bounds(workspace: Workspace, deepest: int, count: int, cells: int, cell_s: float, price: float) -> None:
    """Ends the search early: raises `best_profit` to the upper bounds of all sets not visited."""
    for depth in range(deepest + 1):
        if workspace.next[depth] == count:
            continue
        bound = _bound(workspace, depth, price)
        first = cells_of(workspace.sum_work_s[depth] + workspace.max_shared_s[depth], cell_s)
        for duration in range(first, cells + 1):
            workspace.best_profit[duration] = max(workspace.best_profit[duration], bound)
