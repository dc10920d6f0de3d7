"""Scaling of a batch problem to the form that the exact search works on: servable requests only, numbers near 1."""

import numpy as np

from edge_llm_gym.compiled import kernel, njit
from edge_llm_gym.compiled.totals import greatest, total
from edge_llm_gym.problems.arrays import Flags, Floats, Ints
from edge_llm_gym.problems.batch import BatchArrays
from edge_llm_gym.problems.feasibility import RELATIVE_TOLERANCE, within_limit
from edge_llm_gym.solvers.clock import Clock, make_clock, out_of_time
from edge_llm_gym.solvers.dftsp.multipliers import make_simplex
from edge_llm_gym.solvers.dftsp.pairs import initialise_pair_bounds
from edge_llm_gym.solvers.dftsp.search_state import MARGIN, PROGRESS, Search, make_core, make_work, stable_order
from edge_llm_gym.solvers.dftsp.start import probe

_SLACK = 1.0 + RELATIVE_TOLERANCE
MAX_PAIRS = 2**28
"""Pairs of a budget and a shared time that a search can have: their tables take ten bytes each."""
_PROBE_FROM = 500  # requests; below, the tables of all pairs take less time than the probes
_MIN_GRANULARITY = 1e-5  # of the greatest profit; a finer granularity excludes next to nothing


@njit(cache=True)
def servable_requests(problem: BatchArrays, profit: Floats) -> Ints:
    """Indices of the requests of positive ``profit`` [N] whose batch alone is feasible.

    The profit is the value less the price of the time that the request adds itself. The others improve no batch.
    """
    count, request = 0, np.empty(profit.size, np.int64)
    for j in range(profit.size):
        if profit[j] > 0.0 and _is_servable(problem, j):
            request[count] = j
            count += 1
    return request[:count]


@kernel
def _is_servable(problem: BatchArrays, j: int) -> bool:
    servable = within_limit(problem.time_s[j] + problem.shared_time_s[j], min(problem.budget_s[j], problem.time_cap_s))
    servable &= within_limit(problem.kv_bytes[j], problem.memory_bytes)
    return servable and within_limit(problem.uplink_share[j], 1.0) and within_limit(problem.downlink_share[j], 1.0)


@njit(cache=True, no_cpython_wrapper=True)
def largest(values: Floats, request: Ints) -> float:
    """The greatest of the ``values`` [N] of some requests, of which there is at least one."""
    most = values[request[0]]
    for j in request:
        most = max(most, values[j])
    return most


@njit(cache=True, no_cpython_wrapper=True)
def mark(selected: Flags, request: Ints, chosen: Flags) -> None:
    """Set ``selected`` [N] for those requests [n] that are ``chosen`` [n]."""
    for place in range(request.size):
        if chosen[place]:
            selected[request[place]] = True


@njit(cache=True)
def open_search(request: Ints, problem: BatchArrays, profit: Floats, deadline_s: float) -> Search:
    """A search among the ``request`` indices, all servable, with ``profit`` [N] in units of the greatest of theirs.

    The price of the shared time is that of the ``problem``, whose values are not read. The search ends at
    ``deadline_s``, a reading of `clock.now_s`; infinite for no limit. With more than MAX_PAIRS pairs it ends at once,
    with what a few pairs give.
    """
    n, memory_bytes = request.size, max(problem.memory_bytes, 1e-300)
    usage, of_requests, capacity = np.empty((4, n)), np.empty((3, n)), np.empty(4)
    for k in range(capacity.size):
        capacity[k] = _SLACK
    budget, shared, scaled = of_requests[0], of_requests[1], of_requests[2]
    unit_s, unit = 1e-300, profit[request[0]]
    for place in range(n):
        j = request[place]
        budget[place] = min(problem.budget_s[j], problem.time_cap_s) * _SLACK
        unit_s, unit = max(unit_s, budget[place]), max(unit, profit[j])
    for place in range(n):
        j = request[place]
        usage[0, place] = problem.time_s[j] / unit_s
        usage[1, place] = problem.kv_bytes[j] / memory_bytes
        usage[2, place] = problem.uplink_share[j]
        usage[3, place] = problem.downlink_share[j]
        budget[place] /= unit_s
        shared[place] = problem.shared_time_s[j] / unit_s
        scaled[place] = profit[j] / unit
    price = problem.time_price * unit_s / unit
    clock = make_clock(deadline_s)
    search = _make_search(scaled, usage, capacity, budget, shared, price, clock)
    too_many = search.bound.size == 0
    if too_many or (deadline_s < np.inf and request.size >= _PROBE_FROM):
        probe(search)
    clock[0].expired |= too_many
    initialise_pair_bounds(search)
    return search


@njit(cache=True)
def open_tie_break(first: Search, urgency: Floats) -> Search:
    """A search for the greatest ``urgency`` [n] among the sets that equal the best total of the ``first`` search."""
    best = max(first.progress[0].best, MARGIN)
    rows = first.usage.shape[0]
    usage, capacity = np.empty((rows + 1, urgency.size)), np.full(rows + 1, MARGIN / best - 1.0)
    usage[:rows], usage[rows] = first.usage, -first.profit / best
    capacity[:rows] = first.capacity
    budget, shared, clock = first.budget[first.row], first.shared[0][first.column], first.simplex.clock
    search = _make_search(urgency, usage, capacity, budget, shared, 0.0, clock)
    search.shared[rows] = first.shared_cost / best  # the profit must also pay for the shared time
    initialise_pair_bounds(search)
    for x in range(first.budget.size):
        if out_of_time(clock, first.shared_cost.size):
            break
        for y in range(search.first_column[x], search.last_column[x] + 1):
            if first.bound[x, y] < first.progress[0].best - MARGIN:
                search.bound[x, y] = -np.inf
    search.best_set[:] = first.best_set
    search.progress[0].best = total(urgency[first.best_set])
    return search


@njit(cache=True, no_cpython_wrapper=True)
def _make_search(
    profit: Floats, usage: Floats, capacity: Floats, budget: Floats, shared: Floats, shared_price: float, clock: Clock
) -> Search:
    """A search whose tables of pairs are not filled yet."""
    rows, n = usage.shape
    order, row, budgets, sole_of_row = _ranked(budget)
    _, column, shareds, sole_of_column = _ranked(shared)
    by_falling_budget, window = np.empty(n, np.int64), np.empty((2, budgets.size), np.int64)
    for place in range(n):
        by_falling_budget[place] = order[n - 1 - place]
    shape = (budgets.size, shareds.size) if budgets.size * shareds.size <= MAX_PAIRS else (0, 0)
    shared_usage = np.zeros((rows, shareds.size))
    for y in range(shareds.size):
        shared_usage[0, y] = shareds[y]
    progress = np.zeros(1, PROGRESS)
    progress[0].goal, progress[0].open_bound, progress[0].depth = np.inf, np.inf, -1
    progress[0].granularity = 0.0 if shared_price * shareds[-1] > 0.0 else common_divisor(profit)
    progress[0].last_row = budgets.size - 1
    return Search(
        profit,
        usage,
        capacity,
        row,
        column,
        by_falling_budget,
        budgets,
        shared_usage,
        shared_price * shareds,
        sole_of_row,
        sole_of_column,
        np.empty(shape, np.bool_),
        window[0],
        window[1],
        np.empty(shape),
        np.empty(shape, np.bool_),
        np.empty(n, np.int8),
        np.zeros(n, np.bool_),
        make_simplex(rows, n, clock),
        make_core(rows, n),
        make_work(rows, n, budgets.size, shareds.size),
        progress,
    )


@njit(cache=True, no_cpython_wrapper=True)
def _ranked(values: Floats) -> tuple[Ints, Ints, Floats, Ints]:
    """Rising order, rank of each value among the distinct ones, these, and the only index of each (-1: several)."""
    numbers, distinct = np.empty((3, values.size), np.int64), np.empty(values.size)
    order, rank, sole = numbers[0], numbers[1], numbers[2]
    stable_order(values, order)
    count = 0
    for j in order:
        if count > 0 and values[j] == distinct[count - 1]:
            sole[count - 1] = -1
        else:
            distinct[count], sole[count] = values[j], j
            count += 1
        rank[j] = count - 1
    return order, rank, distinct[:count], sole[:count]


@njit(cache=True)
def common_divisor(profit: Floats) -> float:
    """Greatest common divisor of the profits by Euclid's algorithm; 0 if there is none."""
    largest = greatest(profit)
    granularity = 0.0
    for p in profit:
        granularity = _approximate_gcd(max(p, granularity), min(p, granularity), _MIN_GRANULARITY * largest)
        if granularity < _MIN_GRANULARITY * largest:
            return 0.0
    for p in profit:
        if abs(p - np.round(p / granularity) * granularity) > 1e-12 * largest:
            return 0.0
    return granularity


@njit(cache=True, no_cpython_wrapper=True)
def _approximate_gcd(a: float, b: float, finest: float) -> float:
    while b > 1e-3 * finest:
        a, b = b, abs(a - np.round(a / b) * b)
    return a
