"""The search loop of DFTSP within its limits; see the package docstring for the method."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from edge_llm_gym.compiled import kernel, njit
from edge_llm_gym.compiled.totals import greatest
from edge_llm_gym.numeric import whole_number
from edge_llm_gym.problems.arrays import Flags, Floats, Ints
from edge_llm_gym.problems.batch import BatchArrays, BatchProblem
from edge_llm_gym.solvers.clock import deadline
from edge_llm_gym.solvers.dftsp.memory import SearchMemory, make_memory
from edge_llm_gym.solvers.dftsp.scaling import largest, mark, open_search, open_tie_break, servable_requests
from edge_llm_gym.solvers.dftsp.start import finish
from edge_llm_gym.solvers.dftsp.tree_search import advance
from edge_llm_gym.solvers.solutions import BatchSolution

SEARCH_NODE_LIMIT = 10_000_000
"""Default limit on the nodes of one search: a few seconds, and far more than the problems of an epoch need."""


def solve(
    problem: BatchProblem,
    *,
    node_limit: int = SEARCH_NODE_LIMIT,
    time_limit_s: float | None = None,
    urgency: ArrayLike | None = None,
) -> BatchSolution:
    """The feasible batch of the ``problem`` with the greatest objective.

    Requests without a positive net value, which do not pay for the time that they add, are never selected. Within the
    limits the result is proved optimal. If ``node_limit`` or ``time_limit_s`` (None: no limit) ends the search early,
    the result is the best batch found, with ``optimal`` False and a valid upper bound.

    ``urgency`` [N], zero or more, breaks ties: among the batches of greatest objective, the one of greatest total
    urgency is selected; for example 1 for requests that cannot wait for the next batch. The tie-break is exact if its
    search ends within the remaining limits, else best effort (``tie_break_optimal``).

    ``time_limit_s`` does not include the time to load the compiled search, in the first call of a process. A problem of
    more than `MAX_PAIRS` pairs of a budget and a shared time is not searched: of a few pairs, the best greedy batch.

    Raises ValueError for limits that are not zero or more, whole numbers for nodes, and for an urgency that is not [N]
    finite numbers of zero or more.
    """
    limit, deadline_s = whole_number("node_limit", node_limit), deadline(time_limit_s)
    urgency_of = _checked_urgency(urgency, problem.request_count)
    found = best_batch(problem.arrays(), problem.net_value, urgency_of, limit, deadline_s)
    value = problem.objective(found.selected)
    bound = value if found.optimal else max(value, found.upper_bound)
    tie_broken = bool(found.tie_break_optimal) or urgency is None
    return BatchSolution(found.selected, value, float(bound), bool(found.optimal), int(found.nodes_visited), tie_broken)


class FoundBatch(NamedTuple):
    """What the searches for one batch found; see `BatchSolution`."""

    selected: Flags  # [N]
    upper_bound: float  # of a search that ended early; else infinite
    optimal: bool
    tie_break_optimal: bool
    nodes_visited: int


@njit(cache=True)
def best_batch(problem: BatchArrays, profit: Floats, urgency: Floats, node_limit: int, deadline_s: float) -> FoundBatch:
    """The batch of greatest ``profit`` [N] less the price of its shared time, and among equals of greatest ``urgency``.

    ``node_limit`` limits both searches together.
    """
    selected, request = np.empty(profit.size, np.bool_), np.empty(profit.size, np.int64)
    request = request[: servable_requests(problem, profit, request)]
    n, is_urgent = request.size, profit.size > 0 and greatest(urgency) > 0.0
    memory, tie_memory = make_memory(n), make_memory(n if is_urgent else 0)
    found = write_best_batch(memory, tie_memory, problem, profit, urgency, request, node_limit, deadline_s, selected)
    return FoundBatch(selected, found[0], found[1], found[2], found[3])


@kernel
def write_best_batch(
    memory: SearchMemory,
    tie_memory: SearchMemory,
    problem: BatchArrays,
    profit: Floats,
    urgency: Floats,
    request: Ints,
    node_limit: int,
    deadline_s: float,
    selected: Flags,
) -> tuple[float, bool, bool, int]:
    """Write what :func:`best_batch` selects to ``selected`` [N]; returns the other fields of what it found.

    ``request`` [n] are the :func:`servable_requests`; both memories are for as many. ``tie_memory`` is that of the
    search among equals, and not used where no request is urgent.
    """
    for j in range(selected.size):
        selected[j] = False
    if request.size == 0:
        return np.inf, True, True, 0
    search = open_search(memory, request, problem, profit, deadline_s)
    optimal = advance(search, node_limit)
    nodes = search.progress[0].nodes
    if not optimal:
        bound = finish(search) * largest(profit, request)
        mark(selected, request, search.best_set)
        return bound, False, False, nodes
    if largest(urgency, request) == 0.0:
        mark(selected, request, search.best_set)
        return np.inf, True, True, nodes
    tie_break = open_tie_break(tie_memory, search, request, urgency)
    proved = advance(tie_break, node_limit - nodes)
    mark(selected, request, tie_break.best_set)
    return np.inf, True, proved, nodes + tie_break.progress[0].nodes


def _checked_urgency(urgency: ArrayLike | None, count: int) -> Floats:
    array = np.zeros(count) if urgency is None else np.array(urgency, dtype=np.float64)
    if array.shape != (count,) or not (np.isfinite(array) & (array >= 0)).all():
        raise ValueError(f"urgency must hold {count} finite numbers of zero or more, one per request, got {array}")
    return array
