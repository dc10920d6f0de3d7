"""Depth-first search among the few requests of a pair that its multipliers do not settle."""

import numpy as np
from numba import njit

from edge_llm_gym.solvers.multipliers import FREE, Floats
from edge_llm_gym.solvers.state import Search, offer, room_of


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
    progress.depth = 0
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
            if not _promising(search, depth):
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
