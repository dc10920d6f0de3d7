"""OT-GAH: requests to nodes by residual profits, with the exact single-node search as oracle; a 1/2-approximation.

Reconstruction of the scheduler of that name (IEEE TWC 2024, 10.1109/TWC.2024.3497923) as the local-ratio algorithm of
Cohen, Katzir and Raz, "An efficient approximation for the generalized assignment problem" (2006): node after node takes
its best batch under *residual* profits, what a request is worth here beyond its worth where it was last wanted. In the
end each request goes to the last node that wanted it. With an exact oracle that is at least half of the optimum,
whatever the order of the nodes. What that leaves on the table the optional improvement looks for
(:mod:`edge_llm_gym.solvers.request_prices`).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge_llm_gym.problems.assignment import AssignmentProblem
from edge_llm_gym.problems.batch import RELATIVE_TOLERANCE
from edge_llm_gym.solvers.oracle import Oracle
from edge_llm_gym.solvers.request_prices import improve_by_prices
from edge_llm_gym.solvers.solution import AssignmentSolution

NODE_LIMIT = 1_000_000
"""Default bound on the search nodes of one oracle call."""

PRICE_ROUNDS = 8
"""Default length of the improvement: each round asks the oracle twice for every node."""


def solve(
    problem: AssignmentProblem,
    *,
    order: Sequence[int] | None = None,
    improve: bool = False,
    rounds: int = PRICE_ROUNDS,
    node_limit: int = NODE_LIMIT,
) -> AssignmentSolution:
    """A feasible assignment worth at least half of the optimum.

    ``order`` lists the nodes 1..K in the order in which they choose, the problem's own order by default. ``improve``
    spends ``rounds`` rounds on a better assignment and a tighter upper bound, and never returns a worse one.
    ``node_limit`` bounds each call of the oracle; a call that hits it costs the guarantee but not the upper bound.

    Raises ValueError for an order that is no permutation of 1..K, or limits below zero.
    """
    oracle = Oracle(problem, node_limit)
    node, bound = _residual_loop(problem, _places(order, problem.node_count), oracle)
    bound = min(2.0 * bound, _most_conceivable(problem))
    if improve:
        node, better_bound = improve_by_prices(problem, node, oracle, rounds)
        bound = min(bound, better_bound)
    value = problem.objective(node)
    optimal = bound <= value * (1.0 + RELATIVE_TOLERANCE)
    return AssignmentSolution(node, value, max(bound, value), optimal, oracle.always_optimal, oracle.nodes_visited)


def _residual_loop(
    problem: AssignmentProblem, places: Sequence[int], oracle: Oracle
) -> tuple[NDArray[np.int64], float]:
    """The assignment, and the sum of the oracle's upper bounds: twice that bounds the optimum."""
    node = np.zeros(problem.request_count, np.int64)
    held = np.zeros(problem.request_count)  # worth of each request where it was last wanted
    bound = 0.0
    for place in places:
        value = problem.nodes[place].value
        batch = oracle(place, np.maximum(value - held, 0.0))
        node[batch.selected] = place + 1
        held[batch.selected] = value[batch.selected]
        bound += batch.upper_bound
    return node, bound


def _most_conceivable(problem: AssignmentProblem) -> float:
    """Value of serving every request where it is worth most."""
    return float(np.max([node.value for node in problem.nodes], axis=0).sum())


def _places(order: Sequence[int] | None, node_count: int) -> Sequence[int]:
    if order is None:
        return range(node_count)
    if sorted(order) != list(range(1, node_count + 1)):
        raise ValueError(f"order must list each node number from 1 to {node_count} once, got {list(order)}")
    return [number - 1 for number in order]
