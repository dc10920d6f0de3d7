"""Scaling of a batch problem to the form that the exact search works on: servable requests only, numbers near 1."""

import numpy as np

from edge_llm_gym.compiled import kernel
from edge_llm_gym.compiled.totals import greatest
from edge_llm_gym.compiled.views import view
from edge_llm_gym.problems.arrays import Flags, Floats, Ints
from edge_llm_gym.problems.batch import BatchArrays
from edge_llm_gym.problems.feasibility import RELATIVE_TOLERANCE, within_limit
from edge_llm_gym.solvers.clock import Clock, out_of_time, start_clock
from edge_llm_gym.solvers.dftsp.memory import SearchMemory, items_in, search_in
from edge_llm_gym.solvers.dftsp.multipliers import reset_basis
from edge_llm_gym.solvers.dftsp.pairs import initialise_pair_bounds
from edge_llm_gym.solvers.dftsp.search_state import MARGIN, Items, Search, stable_order, start_progress
from edge_llm_gym.solvers.dftsp.start import probe

_SLACK = 1.0 + RELATIVE_TOLERANCE
_ROWS = 4  # time, memory, uplink, downlink
_PROBE_FROM = 500  # requests; below, the tables of all pairs take less time than the probes
_MIN_GRANULARITY = 1e-5  # of the greatest profit; a finer granularity excludes next to nothing


@kernel
def servable_requests(problem: BatchArrays, profit: Floats, request: Ints) -> int:
    """Write the indices of the requests of positive ``profit`` [N] whose batch alone is feasible to ``request`` [N].

    Returns their number. The profit is the value less the price of the time that the request adds itself. The others
    improve no batch.
    """
    count = 0
    for j in range(profit.size):
        if profit[j] > 0.0 and _is_servable(problem, j):
            request[count] = j
            count += 1
    return count


@kernel
def _is_servable(problem: BatchArrays, j: int) -> bool:
    servable = within_limit(problem.time_s[j] + problem.shared_time_s[j], min(problem.budget_s[j], problem.time_cap_s))
    servable &= within_limit(problem.kv_bytes[j], problem.memory_bytes)
    return servable and within_limit(problem.uplink_share[j], 1.0) and within_limit(problem.downlink_share[j], 1.0)


@kernel
def largest(values: Floats, request: Ints) -> float:
    """The greatest of the ``values`` [N] of some requests, of which there is at least one."""
    most = values[request[0]]
    for j in request:
        most = max(most, values[j])
    return most


@kernel
def mark(selected: Flags, request: Ints, chosen: Flags) -> None:
    """Write to ``selected`` [N] which requests are among those [n] that are ``chosen`` [n]."""
    for j in range(selected.size):
        selected[j] = False
    for place in range(request.size):
        selected[request[place]] = chosen[place]


@kernel
def open_search(memory: SearchMemory, request: Ints, problem: BatchArrays, profit: Floats, deadline_s: float) -> Search:
    """A search among the ``request`` indices, all servable, with ``profit`` [N] in units of the greatest of theirs.

    The price of the shared time is that of the ``problem``, whose values are not read. The search ends at
    ``deadline_s``, a reading of `clock.now_s`; infinite for no limit. With more than MAX_PAIRS pairs it ends at once,
    with what a few pairs give.
    """
    n, memory_bytes = request.size, max(problem.memory_bytes, 1e-300)
    items = items_in(memory, _ROWS, n)
    profits, usage, capacity, budget, shared = items
    for k in range(capacity.size):
        capacity[k] = _SLACK
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
        profits[place] = profit[j] / unit
    clock = view(memory.clock, (1,))
    start_clock(clock, deadline_s)
    search = _make_search(memory, items, problem.time_price * unit_s / unit, clock)
    too_many = search.bound.size == 0
    if too_many or (deadline_s < np.inf and request.size >= _PROBE_FROM):
        probe(search)
    clock[0].expired |= too_many
    initialise_pair_bounds(search)
    return search


@kernel
def open_tie_break(memory: SearchMemory, first: Search, request: Ints, urgency: Floats) -> Search:
    """A search for the greatest ``urgency`` [N] among the sets that equal the best total of the ``first`` search.

    Both are among the ``request`` indices, and the urgency is in units of the greatest of theirs.
    """
    best, most = max(first.progress[0].best, MARGIN), largest(urgency, request)
    rows, n = first.usage.shape
    items = items_in(memory, rows + 1, n)
    for k in range(rows):
        items.capacity[k] = first.capacity[k]
        for place in range(n):
            items.usage[k, place] = first.usage[k, place]
    items.capacity[rows] = MARGIN / best - 1.0
    for place in range(n):
        items.usage[rows, place] = -first.profit[place] / best
        items.budget[place] = first.budget[first.row[place]]
        items.shared[place] = first.shared[0, first.column[place]]
        items.profit[place] = urgency[request[place]] / most
    clock = first.simplex.clock
    search = _make_search(memory, items, 0.0, clock)
    for y in range(first.shared_cost.size):
        search.shared[rows, y] = first.shared_cost[y] / best  # the profit must also pay for the shared time
    initialise_pair_bounds(search)
    for x in range(first.budget.size):
        if out_of_time(clock, first.shared_cost.size):
            break
        for y in range(search.first_column[x], search.last_column[x] + 1):
            if first.bound[x, y] < first.progress[0].best - MARGIN:
                search.bound[x, y] = -np.inf
    for place in range(n):
        search.best_set[place] = first.best_set[place]
        if first.best_set[place]:
            search.progress[0].best += items.profit[place]
    return search


@kernel
def _make_search(memory: SearchMemory, items: Items, shared_price: float, clock: Clock) -> Search:
    """A search whose tables of pairs are not filled yet."""
    n = items.profit.size
    largest_of_all = search_in(memory, items, n, n, clock)  # before the distinct numbers are counted
    order, columns = largest_of_all.work.order, largest_of_all.shared[0]
    shareds = _rank(items.shared, order, largest_of_all.column, columns, largest_of_all.sole_of_column)
    budgets = _rank(items.budget, order, largest_of_all.row, largest_of_all.budget, largest_of_all.sole_of_row)
    search = search_in(memory, items, budgets, shareds, clock)
    for place in range(n):
        search.by_falling_budget[place] = order[n - 1 - place]
        search.best_set[place] = False
    for y in range(shareds):
        search.shared_cost[y] = shared_price * search.shared[0, y]
    for k in range(1, search.shared.shape[0]):
        for y in range(shareds):
            search.shared[k, y] = 0.0
    start_progress(search.progress)
    has_price = shared_price * search.shared[0, shareds - 1] > 0.0
    search.progress[0].granularity = 0.0 if has_price else common_divisor(items.profit)
    search.progress[0].last_row = budgets - 1
    reset_basis(search.simplex)
    return search


@kernel
def _rank(values: Floats, order: Ints, rank: Ints, distinct: Floats, sole: Ints) -> int:
    """Write the rising order, the rank of each value among the distinct ones, these, and the only index of each
    (-1: several); returns the number of distinct ones."""
    stable_order(values, order)
    count = 0
    for place in range(order.size):
        j = order[place]
        if count > 0 and values[j] == distinct[count - 1]:
            sole[count - 1] = -1
        else:
            distinct[count], sole[count] = values[j], j
            count += 1
        rank[j] = count - 1
    return count


@kernel
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


@kernel
def _approximate_gcd(a: float, b: float, finest: float) -> float:
    while b > 1e-3 * finest:
        a, b = b, abs(a - np.round(a / b) * b)
    return a
