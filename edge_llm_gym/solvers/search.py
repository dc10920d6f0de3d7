"""The exact search: pairs by falling bound, goals from the upper bound down, and depth first inside a pair."""

import numpy as np
from numba import njit

from edge_llm_gym.solvers.core import explore, open_core
from edge_llm_gym.solvers.multipliers import relax
from edge_llm_gym.solvers.pairs import fix_outsiders, greedy_batch, highest, sweep
from edge_llm_gym.solvers.state import MARGIN, Search, next_better, offer, room_of


@njit(cache=True)
def advance(search: Search, stop: int) -> bool:
    """Search on until ``stop`` nodes are visited in all; returns whether the best set is proved the best there is."""
    progress = search.progress[0]
    while progress.nodes < stop:
        if progress.depth < 0:
            if not _next_pair(search):
                return True
        elif explore(search, stop):
            _close_pair(search)
    return False


@njit(cache=True)
def upper_bound(search: Search) -> float:
    """No set has a greater profit than this."""
    progress = search.progress[0]
    return max(attainable(highest(search)[2], progress.grain), progress.best)


@njit(cache=True)
def attainable(bound: float, grain: float) -> float:
    """Greatest total not above the bound that is a multiple of the grain."""
    return np.floor((bound + MARGIN) / grain) * grain if grain > 0.0 else bound


@njit(cache=True, no_cpython_wrapper=True)
def _next_pair(search: Search) -> bool:
    """Price the pair of the highest bound, or if it is priced search it; False when no pair can hold a better set."""
    progress = search.progress[0]
    progress.row, progress.column, bound = highest(search)
    if bound < next_better(search):
        return False
    progress.nodes += 1
    fix_outsiders(search)
    if search.priced[progress.row, progress.column]:
        if bound < progress.goal:
            _lower_goal(search, bound)
        open_core(search, _relax(search))
    else:
        _price_pair(search)
    return True


@njit(cache=True, no_cpython_wrapper=True)
def _relax(search: Search) -> float:
    room = room_of(search, search.progress[0].row, search.progress[0].column)
    return relax(search.simplex, search.profit, search.usage, room, search.fixed)


@njit(cache=True, no_cpython_wrapper=True)
def _lower_goal(search: Search, bound: float) -> None:
    """Aim near the highest total that may exist, and twice as far below it every time.

    With equal values this asks for the largest batch size that no bound excludes, then for the next. A search costs the
    more the lower it aims, so the searches that failed cost little beside the one that succeeds.
    """
    progress = search.progress[0]
    if progress.step > 0.0:
        progress.step *= 2.0
    else:
        progress.step = max(progress.grain, (bound - progress.best) / 32.0)
    if progress.grain > 0.0:
        goal = attainable(bound - progress.step + progress.grain, progress.grain) - MARGIN
    else:
        goal = bound - progress.step
    progress.goal = max(goal, next_better(search))


@njit(cache=True, no_cpython_wrapper=True)
def _price_pair(search: Search) -> None:
    """Solve the pair's relaxation, let its multipliers bound all the pairs, and try the batch that they suggest."""
    progress = search.progress[0]
    row, column = progress.row, progress.column
    search.priced[row, column] = True
    bound = _relax(search)
    if bound < search.bound[row, column] - MARGIN:
        chosen, feasible = greedy_batch(search)
        if feasible:
            offer(search, chosen)
        search.bound[row, column] = bound
        sweep(search)


@njit(cache=True, no_cpython_wrapper=True)
def _close_pair(search: Search) -> None:
    """Every set of the pair that reaches the goal was offered: what remains is worth less."""
    progress = search.progress[0]
    row, column = progress.row, progress.column
    search.bound[row, column] = min(search.bound[row, column], progress.goal - MARGIN)
