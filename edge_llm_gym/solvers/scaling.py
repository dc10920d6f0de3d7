"""Bring a batch problem into the form that the exact search works on: usable requests alone, numbers near 1."""

import numpy as np
from numba import njit

from edge_llm_gym.problems.batch import RELATIVE_TOLERANCE
from edge_llm_gym.solvers.multipliers import Floats, Ints, make_simplex
from edge_llm_gym.solvers.pairs import mark_needed
from edge_llm_gym.solvers.state import MARGIN, PROGRESS, Search, make_core

_SLACK = 1.0 + RELATIVE_TOLERANCE
_FINEST_GRAIN = 1e-5  # of the greatest profit; finer ones exclude next to nothing


@njit(cache=True)
def usable(
    time_s: Floats,
    shared_s: Floats,
    kv_bytes: Floats,
    uplink: Floats,
    downlink: Floats,
    budget_s: Floats,
    value: Floats,
    memory_bytes: float,
    cap_s: float,
) -> Ints:
    """Indices of the requests that are worth something and would be feasible alone."""
    alone = np.minimum(budget_s, cap_s) * _SLACK >= time_s + shared_s
    alone &= (kv_bytes <= memory_bytes * _SLACK) & (uplink <= _SLACK) & (downlink <= _SLACK)
    return np.flatnonzero(alone & (value > 0.0))


@njit(cache=True)
def open_search(
    request: Ints,
    time_s: Floats,
    shared_s: Floats,
    kv_bytes: Floats,
    uplink: Floats,
    downlink: Floats,
    budget_s: Floats,
    value: Floats,
    memory_bytes: float,
    cap_s: float,
) -> Search:
    """A search among the usable ``request`` indices, with every profit in units of the greatest."""
    usage = np.empty((4, request.size))
    limit_s = np.minimum(budget_s[request], cap_s) * _SLACK
    unit_s = max(limit_s.max(), 1e-300)
    usage[0] = time_s[request] / unit_s
    usage[1] = kv_bytes[request] / max(memory_bytes, 1e-300)
    usage[2] = uplink[request]
    usage[3] = downlink[request]
    profit = value[request] / value[request].max()
    return _make_search(profit, usage, np.full(4, _SLACK), limit_s / unit_s, shared_s[request] / unit_s)


@njit(cache=True)
def open_tie_break(first: Search, urgency: Floats) -> Search:
    """A search for the most ``urgency`` [n] among the sets as valuable as the best of the ``first`` search."""
    best = max(first.progress[0].best, MARGIN)
    rows = first.usage.shape[0]
    usage, room = np.empty((rows + 1, urgency.size)), np.full(rows + 1, MARGIN / best - 1.0)
    usage[:rows], usage[rows] = first.usage, -first.profit / best
    room[:rows] = first.room
    search = _make_search(urgency, usage, room, first.budget[first.row], first.shared[first.column])
    for x in range(first.budget.size):
        for y in range(first.shared.size):
            if first.bound[x, y] < first.progress[0].best - MARGIN:
                search.bound[x, y] = -np.inf
    search.best_set[:] = first.best_set
    search.progress[0].best = urgency[first.best_set].sum()
    return search


@njit(cache=True, no_cpython_wrapper=True)
def _make_search(profit: Floats, usage: Floats, room: Floats, budget: Floats, shared: Floats) -> Search:
    rows, n = usage.shape
    rising, row, budgets, row_alone = _ranked(budget)
    _, column, shareds, column_alone = _ranked(shared)
    shape = (budgets.size, shareds.size)
    progress = np.zeros(1, PROGRESS)
    progress[0].goal, progress[0].grain, progress[0].depth = np.inf, grain_of(profit), -1
    progress[0].last_row, progress[0].last_column = budgets.size - 1, shareds.size - 1
    search = Search(
        profit,
        usage,
        room,
        row,
        column,
        rising[::-1].copy(),
        budgets,
        shareds,
        row_alone,
        column_alone,
        np.zeros(shape, np.bool_),
        np.empty(shape),
        np.zeros(shape, np.bool_),
        np.empty(n, np.int8),
        np.zeros(n, np.bool_),
        make_simplex(rows, n),
        make_core(rows, n),
        progress,
    )
    mark_needed(search)
    return search


@njit(cache=True, no_cpython_wrapper=True)
def _ranked(values: Floats) -> tuple[Ints, Ints, Floats, Ints]:
    """Rising order, rank of each value among the distinct ones, these, and who alone has each (-1: several do)."""
    order = np.argsort(values, kind="mergesort")
    rank, alone = np.empty(values.size, np.int64), np.empty(values.size, np.int64)
    distinct = np.empty(values.size)
    count = 0
    for j in order:
        if count > 0 and values[j] == distinct[count - 1]:
            alone[count - 1] = -1
        else:
            distinct[count], alone[count] = values[j], j
            count += 1
        rank[j] = count - 1
    return order, rank, distinct[:count].copy(), alone[:count].copy()


@njit(cache=True)
def grain_of(profit: Floats) -> float:
    """Greatest number that every profit is a whole multiple of, by Euclid's algorithm; 0 if there is none."""
    largest = profit.max()
    grain = 0.0
    for p in profit:
        grain = _common_measure(max(p, grain), min(p, grain), _FINEST_GRAIN * largest)
    if grain < _FINEST_GRAIN * largest:
        return 0.0
    for p in profit:
        if abs(p - np.round(p / grain) * grain) > 1e-12 * largest:
            return 0.0
    return grain


@njit(cache=True, no_cpython_wrapper=True)
def _common_measure(a: float, b: float, finest: float) -> float:
    while b > 1e-3 * finest:
        a, b = b, abs(a - np.round(a / b) * b)
    return a
