"""Depth-first search among the few requests of a pair that its multipliers do not settle.

A request *dominates* another if it is worth as much or more and uses no more of any row. Some best set then holds the
other only together with it: swapping the one for the other cannot hurt. Long searches make use of that.
"""

import numpy as np
from numba import njit

from edge_llm_gym.solvers.multipliers import FREE, Floats
from edge_llm_gym.solvers.state import RIVALS, Search, offer, room_of

_WORSE, _BETTER = 0, 1
_PATIENCE = 2000  # nodes of one core before comparing its requests pays


@njit(cache=True, no_cpython_wrapper=True)
def open_core(search: Search, bound: float) -> None:
    """Settle every request too costly to decide against, and stand at the root of the tree of the others."""
    progress, core, reduced = search.progress[0], search.core, search.simplex.reduced
    progress.bound = bound
    left = room_of(search, progress.row, progress.column)
    cost = np.full(reduced.size, -1.0)
    for j in range(reduced.size):
        settled = search.fixed[j] != FREE or abs(reduced[j]) > bound - progress.goal
        core.chosen[j] = settled and (search.fixed[j] == 1 or (search.fixed[j] == FREE and reduced[j] > 0.0))
        if core.chosen[j]:
            left -= search.usage[:, j]
        if not settled:
            cost[j] = abs(reduced[j])
    _fill(search, cost)
    progress.depth, progress.compare_from = 0, progress.nodes + _PATIENCE
    core.left[0], core.spent[0], core.branch[0] = left, 0.0, 0


@njit(cache=True, no_cpython_wrapper=True)
def _fill(search: Search, cost: Floats) -> None:
    """List the requests of ``cost`` [n] zero or more by falling cost, with what they can use and free from each on."""
    core, usage = search.core, search.usage
    requests = np.flatnonzero(cost >= 0.0)
    requests = requests[np.argsort(-cost[requests])]
    count = requests.size
    search.progress[0].open = count
    core.can_fill[count], core.can_free[count] = 0.0, 0.0
    for t in range(count - 1, -1, -1):
        j = requests[t]
        core.request[t], core.cost[t] = j, cost[j]
        for k in range(usage.shape[0]):
            core.usage[t, k] = usage[k, j]
            core.can_fill[t, k] = core.can_fill[t + 1, k] + max(usage[k, j], 0.0)
            core.can_free[t, k] = core.can_free[t + 1, k] - min(usage[k, j], 0.0)


@njit(cache=True, no_cpython_wrapper=True)
def explore(search: Search, stop: int) -> bool:
    """Offer every set of the core that reaches the goal, likely ones first; False if ``stop`` nodes came first."""
    progress, core = search.progress[0], search.core
    depth, nodes, leaf = progress.depth, progress.nodes, progress.open
    while depth >= 0 and nodes < stop:
        if core.branch[depth] == 0:
            nodes += 1
            if nodes == progress.compare_from:
                _compare(search)
            dominated = depth > 0 and nodes >= progress.compare_from and _dominated(search, depth)
            if dominated or not _promising(search, depth):
                depth -= 1
                continue
            if depth == leaf:
                offer(search, core.chosen)
                depth -= 1
                continue
        depth = _go_on(search, depth)
    progress.depth, progress.nodes = depth, nodes
    return depth < 0


@njit(cache=True, no_cpython_wrapper=True)
def _promising(search: Search, depth: int) -> bool:
    """Whether the goal is in reach: no row overdrawn for good, and not too much priced room that nobody can fill."""
    progress, core, price = search.progress[0], search.core, search.simplex.multipliers
    shortfall = core.spent[depth]
    for k in range(price.size):
        left = core.left[depth, k]
        if left + core.can_free[depth, k] < 0.0:
            return False
        shortfall += price[k] * max(left - core.can_fill[depth, k], 0.0)
    return bool(progress.bound - shortfall >= progress.goal)


@njit(cache=True, no_cpython_wrapper=True)
def _go_on(search: Search, depth: int) -> int:
    """Begin the next branch at this depth, with the sign of the reduced profit first; back up when both are done."""
    core = search.core
    if core.branch[depth] == 2:
        return depth - 1
    against = core.branch[depth] == 1
    core.branch[depth] += 1
    j = core.request[depth]
    take = (search.simplex.reduced[j] > 0.0) != against
    core.chosen[j] = take
    core.spent[depth + 1] = core.spent[depth] + (core.cost[depth] if against else 0.0)
    for k in range(core.left.shape[1]):
        core.left[depth + 1, k] = core.left[depth, k] - (core.usage[depth, k] if take else 0.0)
    core.branch[depth + 1] = 0
    return depth + 1


@njit(cache=True, no_cpython_wrapper=True)
def _dominated(search: Search, depth: int) -> bool:
    """Whether the last decision took a request while a better one is left out, or left it while a worse one is in."""
    core = search.core
    take = core.chosen[core.request[depth - 1]]
    for u in core.rivals[depth - 1, _BETTER if take else _WORSE]:
        if u >= 0 and core.chosen[core.request[u]] != take:
            return True
    return False


@njit(cache=True, no_cpython_wrapper=True)
def _compare(search: Search) -> None:
    """Find the rivals of every request of the core; of two that are alike the one ahead counts as the better."""
    core = search.core
    core.rivals[:] = -1
    for t in range(search.progress[0].open):
        found = np.zeros(2, np.int64)
        for u in range(t - 1, -1, -1):
            kind = _kind(search, t, u)
            if kind >= 0 and found[kind] < RIVALS:
                core.rivals[t, kind, found[kind]] = u
                found[kind] += 1


@njit(cache=True, no_cpython_wrapper=True)
def _kind(search: Search, t: int, u: int) -> int:
    """Whether the open request u dominates t, is dominated by it, or neither (-1)."""
    core = search.core
    gain = search.profit[core.request[u]] - search.profit[core.request[t]]
    better, worse = gain >= 0.0, gain <= 0.0
    for k in range(core.usage.shape[1]):
        better &= core.usage[u, k] <= core.usage[t, k]
        worse &= core.usage[u, k] >= core.usage[t, k]
    return _BETTER if better else _WORSE if worse else -1
