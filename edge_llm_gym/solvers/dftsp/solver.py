"""The search loop of DFTSP within its limits; see the package docstring for the method."""

import time

import numpy as np
from numpy.typing import ArrayLike

from edge_llm_gym.problems.arrays import Flags, Floats
from edge_llm_gym.problems.batch import BatchProblem
from edge_llm_gym.solvers.dftsp.scaling import open_search, open_tie_break, servable_requests
from edge_llm_gym.solvers.dftsp.search_state import Search
from edge_llm_gym.solvers.dftsp.tree_search import advance, upper_bound
from edge_llm_gym.solvers.solutions import BatchSolution

SEARCH_NODE_LIMIT = 10_000_000
"""Default limit on the nodes of one search: a few seconds, and far more than the problems of an epoch need."""

_FIRST_SLICE = 256  # nodes between two checks of the clock, doubled while they take less than a millisecond
_SLICE_S = 1e-3


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

    Raises ValueError for negative limits and for an urgency that is not [N] finite numbers of zero or more.
    """
    budget = _SearchBudget(node_limit, time_limit_s)
    urgency_of = _checked_urgency(urgency, problem.request_count)
    arrays, profit = problem.arrays(), problem.net_value
    request = servable_requests(arrays, profit)
    selected = np.zeros(problem.request_count, np.bool_)
    if request.size == 0:
        return BatchSolution(selected, 0.0, 0.0, True, 0)
    search = open_search(request, arrays, profit)
    optimal = budget.run(search)
    best_set, tie_broken = _break_tie(search, urgency_of[request], budget) if optimal else (search.best_set, False)
    selected[request[best_set]] = True
    value = problem.objective(selected)
    bound = value if optimal else max(value, upper_bound(search) * profit[request].max())
    return BatchSolution(selected, value, float(bound), optimal, budget.nodes, tie_broken or urgency is None)


class _SearchBudget:
    """Runs searches one after the other within common limits on nodes and time."""

    def __init__(self, node_limit: int, time_limit_s: float | None) -> None:
        for name, limit in (("node_limit", node_limit), ("time_limit_s", time_limit_s)):
            if limit is not None and not limit >= 0:
                raise ValueError(f"{name} must be zero or more, got {limit}")
        self.node_limit = node_limit
        self.end_s = None if time_limit_s is None else time.perf_counter() + time_limit_s
        self.nodes = 0

    def run(self, search: Search) -> bool:
        """Run a search; returns whether its best set is proved optimal within the limits."""
        before = self.nodes
        proved = self._run(search)
        self.nodes = before + int(search.progress[0]["nodes"])
        return proved

    def _run(self, search: Search) -> bool:
        last = self.node_limit - self.nodes
        if self.end_s is None:
            return bool(advance(search, last))
        size, now_s = _FIRST_SLICE, time.perf_counter()
        while now_s < self.end_s and search.progress[0]["nodes"] < last:
            began_s = now_s
            if advance(search, min(int(search.progress[0]["nodes"]) + size, last)):
                return True
            now_s = time.perf_counter()
            size = size * 2 if now_s - began_s < _SLICE_S else max(size // 2, 1)
        return False


def _checked_urgency(urgency: ArrayLike | None, count: int) -> Floats:
    array = np.zeros(count) if urgency is None else np.array(urgency, dtype=np.float64)
    if array.shape != (count,) or not (np.isfinite(array) & (array >= 0)).all():
        raise ValueError(f"urgency must hold {count} finite numbers of zero or more, one per request, got {array}")
    return array


def _break_tie(search: Search, urgency: Floats, budget: _SearchBudget) -> tuple[Flags, bool]:
    """The most urgent of the most valuable sets, and whether it is proved to be."""
    most = urgency.max()
    if most == 0.0:
        return search.best_set, True
    tie_break = open_tie_break(search, urgency / most)
    proved = budget.run(tie_break)
    return tie_break.best_set, proved
