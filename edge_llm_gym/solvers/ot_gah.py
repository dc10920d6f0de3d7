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
from numba import njit

from edge_llm_gym.problems.assignment import AssignmentProblem
from edge_llm_gym.problems.batch import RELATIVE_TOLERANCE
from edge_llm_gym.solvers.multipliers import Ints
from edge_llm_gym.solvers.oracle import Oracle, ask, oracle_of
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
    for name, limit in (("node_limit", node_limit), ("rounds", rounds)):
        if limit < 0:
            raise ValueError(f"{name} must be zero or more, got {limit}")
    oracle = oracle_of(problem, node_limit)
    node, bound = residual_loop(oracle, _places(order, problem.node_count))
    if improve:
        node, bound = improve_by_prices(oracle, node, bound, rounds)
    value = problem.objective(node)
    nodes_visited, unproved = oracle.tally
    optimal = bool(bound <= value * (1.0 + RELATIVE_TOLERANCE))
    return AssignmentSolution(node, value, max(bound, value), optimal, not unproved, int(nodes_visited))


@njit(cache=True)
def residual_loop(oracle: Oracle, places: Ints) -> tuple[Ints, float]:
    """The assignment, and an upper bound on every assignment.

    Beyond what the requests are held at in the end, no node can gain more than what the oracle allowed it when they
    were held at less. So the optimum is at most the value found and the oracle's bounds, added up. A single node had
    nothing to pay: there the oracle's bound is one by itself.
    """
    node = np.zeros(oracle.value.shape[1], np.int64)
    held = np.zeros(node.size)  # worth of each request where it was last wanted
    gains = 0.0
    for place in places:
        value = oracle.value[place]
        wish = ask(oracle, place, np.maximum(value - held, 0.0))
        node[wish.selected] = place + 1
        held[wish.selected] = value[wish.selected]
        gains += wish.upper_bound
    return node, gains if places.size == 1 else min(held.sum() + gains, _most_conceivable(oracle))


@njit(cache=True, no_cpython_wrapper=True)
def _most_conceivable(oracle: Oracle) -> float:
    """Value of serving every request where it is worth most."""
    most = np.zeros(oracle.value.shape[1])
    for value in oracle.value:
        most = np.maximum(most, value)
    return float(most.sum())


def _places(order: Sequence[int] | None, node_count: int) -> Ints:
    if order is None:
        return np.arange(node_count)
    if sorted(order) != list(range(1, node_count + 1)):
        raise ValueError(f"order must list each node number from 1 to {node_count} once, got {list(order)}")
    return np.array(order, np.int64) - 1
