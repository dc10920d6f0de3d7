"""Depth-first search over the core of a pair: the few requests that its multipliers leave open.

A request *dominates* another if its profit is at least as large and it uses no more of any row. Some best set then
contains the dominated request only together with the dominating one, since exchanging them does no harm. Long searches
skip all other sets.
"""

from edge_llm_gym.compiled import kernel
from edge_llm_gym.solvers.clock import out_of_time
from edge_llm_gym.solvers.dftsp.multipliers import FREE
from edge_llm_gym.solvers.dftsp.search_state import (
    DOMINANCE_LINKS,
    Search,
    record_candidate,
    rising_order,
    write_pair_capacity,
)

_DOMINATED, _DOMINATING = 0, 1
_COMPARE_AFTER = 2000  # nodes of one core after which comparing its requests saves time


@kernel
def open_core(search: Search, bound: float) -> None:
    """Fix every request whose reduced profit decides it, and start at the root of the search tree of the others."""
    progress, core, reduced = search.progress[0], search.core, search.simplex.reduced
    remaining, cost = search.work.remaining, search.work.cost
    progress.bound = bound
    write_pair_capacity(search, progress.row, progress.column, remaining)
    for j in range(reduced.size):
        fixed = search.fixed[j] != FREE or abs(reduced[j]) > bound - progress.goal
        core.chosen[j] = fixed and (search.fixed[j] == 1 or (search.fixed[j] == FREE and reduced[j] > 0.0))
        if core.chosen[j]:
            for k in range(remaining.size):
                remaining[k] -= search.usage[k, j]
        cost[j] = -1.0 if fixed else abs(reduced[j])
    _list_open_requests(search)
    progress.depth, progress.compare_from = 0, progress.nodes + _COMPARE_AFTER
    core.path_cost[0], core.branch[0] = 0.0, 0
    for k in range(remaining.size):
        core.remaining[0, k] = remaining[k]


@kernel
def _list_open_requests(search: Search) -> None:
    """Sort the requests of non-negative cost by falling cost, with bounds on their usage and release."""
    core, usage, cost, order = search.core, search.usage, search.work.cost, search.work.order
    count, requests, rising = 0, search.work.request, search.work.key
    for j in range(cost.size):
        if cost[j] >= 0.0:
            requests[count], rising[count] = j, -cost[j]
            count += 1
    rising_order(rising[:count], order[:count])
    search.progress[0].open = count
    for k in range(usage.shape[0]):
        core.max_usage[count, k], core.max_release[count, k] = 0.0, 0.0
    for t in range(count - 1, -1, -1):
        j = requests[order[t]]
        core.request[t], core.cost[t] = j, cost[j]
        for k in range(usage.shape[0]):
            core.usage[t, k] = usage[k, j]
            core.max_usage[t, k] = core.max_usage[t + 1, k] + max(usage[k, j], 0.0)
            core.max_release[t, k] = core.max_release[t + 1, k] - min(usage[k, j], 0.0)


@kernel
def explore(search: Search, stop: int) -> bool:
    """Record every set of the core that reaches the goal, likely ones first; False if stopped at ``stop`` nodes."""
    progress, core = search.progress[0], search.core
    depth, nodes, leaf = progress.depth, progress.nodes, progress.open
    while depth >= 0 and nodes < stop:
        if core.branch[depth] == 0:
            nodes += 1
            if nodes == progress.compare_from:
                _compare(search)
            dominated = depth > 0 and nodes >= progress.compare_from and _dominated(search, depth)
            if dominated or not _can_reach_goal(search, depth):
                depth -= 1
                continue
            if depth == leaf:
                record_candidate(search, core.chosen)
                depth -= 1
                continue
        depth = _start_branch(search, depth)
    progress.depth, progress.nodes = depth, nodes
    return depth < 0


@kernel
def _can_reach_goal(search: Search, depth: int) -> bool:
    """Whether the goal is within reach: all rows can be satisfied, and little priced capacity must stay unused."""
    progress, core, price = search.progress[0], search.core, search.simplex.multipliers
    shortfall = core.path_cost[depth]
    for k in range(price.size):
        remaining = core.remaining[depth, k]
        if remaining + core.max_release[depth, k] < 0.0:
            return False
        shortfall += price[k] * max(remaining - core.max_usage[depth, k], 0.0)
    return bool(progress.bound - shortfall >= progress.goal)


@kernel
def _start_branch(search: Search, depth: int) -> int:
    """Start the next branch at this depth, first that of the sign of the reduced profit; backtrack after both."""
    core = search.core
    if core.branch[depth] == 2:
        return depth - 1
    against = core.branch[depth] == 1
    core.branch[depth] += 1
    j = core.request[depth]
    take = (search.simplex.reduced[j] > 0.0) != against
    core.chosen[j] = take
    core.path_cost[depth + 1] = core.path_cost[depth] + (core.cost[depth] if against else 0.0)
    for k in range(core.remaining.shape[1]):
        core.remaining[depth + 1, k] = core.remaining[depth, k] - (core.usage[depth, k] if take else 0.0)
    core.branch[depth + 1] = 0
    return depth + 1


@kernel
def _dominated(search: Search, depth: int) -> bool:
    """Whether the path leaves out a request that dominates one of its members, by its last decision."""
    core = search.core
    take = core.chosen[core.request[depth - 1]]
    for link in range(DOMINANCE_LINKS):
        u = core.dominance[depth - 1, _DOMINATING if take else _DOMINATED, link]
        if u >= 0 and core.chosen[core.request[u]] != take:
            return True
    return False


@kernel
def _compare(search: Search) -> None:
    """Find the dominance relations of the core's requests; of two equal requests the earlier one dominates.

    Out of time, the relations that were not found are missing, and fewer sets are skipped.
    """
    core = search.core
    core.dominance[:] = -1
    for t in range(search.progress[0].open):
        if out_of_time(search.simplex.clock, 10 * t):
            return
        dominated = dominating = 0
        for u in range(t - 1, -1, -1):
            kind = _dominance_between(search, t, u)
            if kind == _DOMINATED and dominated < DOMINANCE_LINKS:
                core.dominance[t, kind, dominated] = u
                dominated += 1
            elif kind == _DOMINATING and dominating < DOMINANCE_LINKS:
                core.dominance[t, kind, dominating] = u
                dominating += 1


@kernel
def _dominance_between(search: Search, t: int, u: int) -> int:
    """Whether the open request u dominates t, is dominated by it, or neither (-1)."""
    core = search.core
    gain = search.profit[core.request[u]] - search.profit[core.request[t]]
    better, worse = gain >= 0.0, gain <= 0.0
    for k in range(core.usage.shape[1]):
        better &= core.usage[u, k] <= core.usage[t, k]
        worse &= core.usage[u, k] >= core.usage[t, k]
    return _DOMINATING if better else _DOMINATED if worse else -1
