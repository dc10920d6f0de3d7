"""DFTSP: the best batch for one node, by a depth-first tree search with surrogate pruning, proved optimal.

Reconstruction of the scheduler of that name (arXiv 2405.07140) on textbook ground, for requests of any value:

1. Two things tie the requests of a batch together: its tightest budget D and its longest shared time v. Once both are
   fixed (a *pair*), the batch is a 0-1 knapsack with four rows: time, memory, uplink, downlink.
2. The dual values of a knapsack's linear relaxation price the rows. One price list bounds *all* pairs in one pass of
   prefix sums (Lagrangian bounds), so that of N^2 pairs few are ever opened.
3. The search goes through the batch sizes, or with unequal values through the totals, from the upper bound down. Each
   goal is searched in the pairs whose bound reaches it, depth first: a request that would have to be decided against
   its reduced profit at a cost of more than the bound exceeds the goal is settled; the few others branch. Long searches
   also skip sets that hold a request without one that dominates it.

Prices only ever guide and prune: rounding errors in them cannot make a bound invalid.
"""

import time
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge_llm_gym.problems.batch import BatchProblem
from edge_llm_gym.solvers.scaling import open_search, open_tie_break, usable
from edge_llm_gym.solvers.search import advance, upper_bound
from edge_llm_gym.solvers.solution import BatchSolution
from edge_llm_gym.solvers.state import Search

NODE_LIMIT = 10_000_000
"""Default bound on the nodes of one search: seconds at most, and far beyond what schedulers' problems need."""

_FIRST_SLICE = 256  # nodes between two looks at the clock, doubled while they take less than a millisecond
_SLICE_S = 1e-3


def solve(
    problem: BatchProblem,
    *,
    node_limit: int = NODE_LIMIT,
    time_limit_s: float | None = None,
    urgency: ArrayLike | None = None,
) -> BatchSolution:
    """The most valuable feasible batch of the ``problem``.

    Requests without value are never selected. Within the limits the result is proved optimal; when ``node_limit`` or
    ``time_limit_s`` (None: no limit) ends the search early, the best batch found comes with ``optimal`` False and an
    upper bound that holds.

    ``urgency`` [N] of numbers zero or more breaks ties: among the batches of greatest value, the one of most total
    urgency. Give the requests that cannot wait for the next batch a 1. Value always comes first; the tie-break is exact
    if the search ends within what is left of the limits, else best effort (``tie_break_optimal``).

    Raises ValueError for limits below zero and for an urgency that is not [N] finite numbers of zero or more.
    """
    clock = _Clock(node_limit, time_limit_s)
    urgency_of = _checked_urgency(urgency, problem.request_count)
    arrays = _arrays(problem)
    request = usable(*arrays)
    selected = np.zeros(problem.request_count, np.bool_)
    if request.size == 0:
        return BatchSolution(selected, 0.0, 0.0, True, 0)
    search = open_search(request, *arrays)
    optimal = clock.run(search)
    best_set, tie_broken = _break_tie(search, urgency_of[request], clock) if optimal else (search.best_set, False)
    selected[request[best_set]] = True
    value = problem.objective(selected)
    bound = value if optimal else max(value, upper_bound(search) * problem.value[request].max())
    return BatchSolution(selected, value, float(bound), optimal, clock.nodes, tie_broken or urgency is None)


class _Clock:
    """Runs searches one after the other within common limits."""

    def __init__(self, node_limit: int, time_limit_s: float | None) -> None:
        for name, limit in (("node_limit", node_limit), ("time_limit_s", time_limit_s)):
            if limit is not None and not limit >= 0:
                raise ValueError(f"{name} must be zero or more, got {limit}")
        self.node_limit = node_limit
        self.end_s = None if time_limit_s is None else time.perf_counter() + time_limit_s
        self.nodes = 0

    def run(self, search: Search) -> bool:
        """Whether the search proved its best set optimal before a limit ended it."""
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


def _arrays(problem: BatchProblem) -> tuple[Any, ...]:
    """The problem's fields in the order in which the compiled parts take them."""
    return (
        problem.time_s,
        problem.shared_time_s,
        problem.kv_bytes,
        problem.uplink_share,
        problem.downlink_share,
        problem.budget_s,
        problem.value,
        problem.memory_bytes,
        problem.time_cap_s,
    )


def _checked_urgency(urgency: ArrayLike | None, count: int) -> NDArray[np.float64]:
    array = np.zeros(count) if urgency is None else np.array(urgency, dtype=np.float64)
    if array.shape != (count,) or not (np.isfinite(array) & (array >= 0)).all():
        raise ValueError(f"urgency must hold {count} finite numbers of zero or more, one per request, got {array}")
    return array


def _break_tie(search: Search, urgency: NDArray[np.float64], clock: _Clock) -> tuple[NDArray[np.bool_], bool]:
    """The most urgent of the most valuable sets, and whether it is proved to be that."""
    most = urgency.max()
    if most == 0.0:
        return search.best_set, True
    again = open_tie_break(search, urgency / most)
    proved = clock.run(again)
    return again.best_set, proved
