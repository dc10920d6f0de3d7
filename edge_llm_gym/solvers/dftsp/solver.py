"""The search loop of DFTSP within its limits; see the package docstring for the method."""

import numpy as np
from numpy.typing import ArrayLike

from edge_llm_gym.numeric import whole_number
from edge_llm_gym.problems.arrays import Flags, Floats
from edge_llm_gym.problems.batch import BatchProblem
from edge_llm_gym.solvers.clock import deadline
from edge_llm_gym.solvers.dftsp.scaling import open_search, open_tie_break, servable_requests
from edge_llm_gym.solvers.dftsp.search_state import Search
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
    budget = _SearchBudget(node_limit, time_limit_s)
    urgency_of = _checked_urgency(urgency, problem.request_count)
    arrays, profit = problem.arrays(), problem.net_value
    request = servable_requests(arrays, profit)
    selected = np.zeros(problem.request_count, np.bool_)
    if request.size == 0:
        return BatchSolution(selected, 0.0, 0.0, True, 0)
    search = open_search(request, arrays, profit, budget.deadline_s)
    optimal = budget.run(search)
    bound = None if optimal else finish(search) * profit[request].max()
    best_set, tie_broken = _break_tie(search, urgency_of[request], budget) if optimal else (search.best_set, False)
    selected[request[best_set]] = True
    value = problem.objective(selected)
    bound = value if bound is None else max(value, bound)
    return BatchSolution(selected, value, float(bound), optimal, budget.nodes, tie_broken or urgency is None)


class _SearchBudget:
    """Runs searches one after the other within common limits on nodes and time."""

    def __init__(self, node_limit: int, time_limit_s: float | None) -> None:
        self.node_limit = whole_number("node_limit", node_limit)
        self.deadline_s = deadline(time_limit_s)
        self.nodes = 0

    def run(self, search: Search) -> bool:
        """Run a search; returns whether its best set is proved optimal within the limits."""
        proved = advance(search, self.node_limit - self.nodes)
        self.nodes += int(search.progress[0]["nodes"])
        return bool(proved)


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
