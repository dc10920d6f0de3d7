"""The exact search: pairs by falling bound, goals from the upper bound down, depth-first search inside a pair."""

import numpy as np

from edge_llm_gym.compiled import kernel, row_kernel
from edge_llm_gym.solvers.clock import is_running, out_of_time
from edge_llm_gym.solvers.dftsp.core import explore, open_core
from edge_llm_gym.solvers.dftsp.multipliers import relax
from edge_llm_gym.solvers.dftsp.pairs import best_open_pair, choose_greedily, fix_requests, update_pair_bounds
from edge_llm_gym.solvers.dftsp.search_state import (
    MARGIN,
    Search,
    next_better,
    record_candidate,
    write_pair_capacity,
)

_CORE_SLICE = 5000
"""Nodes of a core, of about ten elementary steps each, between two questions to the clock."""


@row_kernel
def advance(search: Search, stop: int) -> bool:
    """Continue the search up to ``stop`` nodes in total; returns whether the best set is proved optimal."""
    progress, clock = search.progress[0], search.simplex.clock
    limited = is_running(clock)
    while progress.nodes < stop and not (limited and out_of_time(clock, 0)):
        if progress.depth < 0:
            if not _next_pair(search):
                return not clock[0].expired
        else:
            before = progress.nodes
            if explore(search, min(stop, before + _CORE_SLICE) if limited else stop):
                _close_pair(search)
            if limited:
                out_of_time(clock, 10 * (progress.nodes - before))
    return False


@kernel
def upper_bound(search: Search) -> float:
    """Upper bound on the total of every set; out of time, that of the last comparison of all pairs."""
    progress = search.progress[0]
    best_open_pair(search)
    return max(attainable_total(progress.open_bound, progress.granularity), progress.best)


@kernel
def attainable_total(bound: float, granularity: float) -> float:
    """Greatest multiple of the granularity that does not exceed the bound."""
    return np.floor((bound + MARGIN) / granularity) * granularity if granularity > 0.0 else bound


@kernel
def _next_pair(search: Search) -> bool:
    """Price the pair of highest bound, or search it if it is priced; False if no pair can contain a better set.

    Also False if the time ends while the pairs are compared.
    """
    progress = search.progress[0]
    progress.row, progress.column, bound = best_open_pair(search)
    if bound < next_better(search):
        return False
    progress.nodes += 1
    fix_requests(search)
    if search.priced[progress.row, progress.column]:
        if bound < progress.goal:
            _lower_goal(search, bound)
        open_core(search, _relax(search))
    else:
        _price_pair(search)
    return True


@kernel
def _relax(search: Search) -> float:
    """Solve the relaxation of the current pair; returns an upper bound on the total of its sets."""
    row, column, capacity = search.progress[0].row, search.progress[0].column, search.work.capacity
    write_pair_capacity(search, row, column, capacity)
    bound = relax(search.simplex, search.profit, search.usage, capacity, search.fixed)
    return bound - search.shared_cost[column]


@kernel
def _lower_goal(search: Search, bound: float) -> None:
    """Set the goal close below the highest total that may exist, with a distance that doubles at every failure.

    With equal values the goals are the largest batch size that no bound excludes, then the next smaller ones. The lower
    the goal, the longer the search, so failed searches cost little compared to the one that succeeds.
    """
    progress = search.progress[0]
    if progress.step > 0.0:
        progress.step *= 2.0
    else:
        progress.step = max(progress.granularity, (bound - progress.best) / 32.0)
    if progress.granularity > 0.0:
        goal = attainable_total(bound - progress.step + progress.granularity, progress.granularity) - MARGIN
    else:
        goal = bound - progress.step
    progress.goal = max(goal, next_better(search))


@kernel
def _price_pair(search: Search) -> None:
    """Solve the pair's relaxation, bound all pairs by its multipliers, and try the greedy batch for them."""
    progress = search.progress[0]
    row, column = progress.row, progress.column
    search.priced[row, column] = True
    bound = _relax(search)
    if bound < search.bound[row, column] - MARGIN:
        if choose_greedily(search):
            record_candidate(search, search.work.chosen)
        search.bound[row, column] = bound
        update_pair_bounds(search)


@kernel
def _close_pair(search: Search) -> None:
    """Lower the pair's bound below the goal: every set that reaches the goal has been recorded."""
    progress = search.progress[0]
    row, column = progress.row, progress.column
    search.bound[row, column] = min(search.bound[row, column], progress.goal - MARGIN)
