"""Better assignments and tighter bounds by prices on the requests: the Lagrangian dual of "each on one node at most".

If taking a request costs its price on every node, the nodes no longer share anything: the sum of the prices and of each
node's best batch net of them bounds the optimum (Fisher, "The Lagrangian relaxation method for solving integer
programming problems", 1981). Prices rise where several nodes want a request and fall where none does, by subgradient
steps in Polyak's length. Every round's batches, freed of double bookings and filled up, are a candidate assignment.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge_llm_gym.problems.assignment import AssignmentProblem
from edge_llm_gym.problems.batch import RELATIVE_TOLERANCE
from edge_llm_gym.solvers.oracle import Oracle

_FIRST_PRICE = 0.5  # of the value of the requests served at first
_PATIENCE = 2  # rounds without a better bound before the steps shrink
_SHRINK = 0.6


def improve_by_prices(
    problem: AssignmentProblem, node: NDArray[np.int64], oracle: Oracle, rounds: int
) -> tuple[NDArray[np.int64], float]:
    """The best of the assignment ``node`` [N] and ``rounds`` candidates, and an upper bound on every assignment."""
    best, value, bound = node, problem.objective(node), np.inf
    price = _FIRST_PRICE * _worth(problem, node)
    scale, stalled = 1.0, 0
    for turn in range(rounds):
        wanted, priced = _price_batches(problem, price, oracle)
        stalled = 0 if priced < bound else stalled + 1
        bound = min(bound, priced)
        candidate = _candidate(problem, wanted, turn, oracle)
        if problem.objective(candidate) > value:
            best, value = candidate, problem.objective(candidate)
        if bound <= value * (1.0 + RELATIVE_TOLERANCE):
            break
        if stalled > _PATIENCE:
            scale, stalled = scale * _SHRINK, 0
        price = _next_price(price, wanted, scale * (priced - value))
    return best, bound


def _price_batches(
    problem: AssignmentProblem, price: NDArray[np.float64], oracle: Oracle
) -> tuple[NDArray[np.bool_], float]:
    """Which node wants which request [K, N] at these prices, and the bound that this proves."""
    batches = [oracle(place, np.maximum(node.value - price, 0.0)) for place, node in enumerate(problem.nodes)]
    bound = price.sum() + sum(batch.upper_bound for batch in batches)
    return np.stack([batch.selected for batch in batches]), float(bound)


def _next_price(price: NDArray[np.float64], wanted: NDArray[np.bool_], excess: float) -> NDArray[np.float64]:
    """One subgradient step as long as the ``excess`` of the bound over the best value justifies (Polyak)."""
    unwanted = 1.0 - wanted.sum(axis=0)
    unwanted[(price == 0.0) & (unwanted > 0.0)] = 0.0
    length = (unwanted**2).sum()
    return price if length == 0.0 else np.maximum(price - excess / length * unwanted, 0.0)


def _candidate(problem: AssignmentProblem, wanted: NDArray[np.bool_], turn: int, oracle: Oracle) -> NDArray[np.int64]:
    """An assignment out of the nodes' wishes [K, N]: first come, first served, the first in line changing each turn."""
    line = [(turn + place) % problem.node_count for place in range(problem.node_count)]
    node = np.zeros(problem.request_count, np.int64)
    for place in reversed(line):
        node[wanted[place]] = place + 1
    return refill(problem, node, line, oracle)


def refill(
    problem: AssignmentProblem, node: NDArray[np.int64], line: Sequence[int], oracle: Oracle
) -> NDArray[np.int64]:
    """Let each node of the ``line`` choose again, among all requests at their worth beyond where they are now.

    The total never falls: a node's present batch stays open to it.
    """
    node = node.copy()
    for place in line:
        mine = node == place + 1
        elsewhere = np.where(mine, 0.0, _worth(problem, node))
        batch = oracle(place, np.maximum(problem.nodes[place].value - elsewhere, 0.0))
        if batch.value >= problem.nodes[place].value[mine].sum():
            node[mine] = 0
            node[batch.selected] = place + 1
    return node


def _worth(problem: AssignmentProblem, node: NDArray[np.int64]) -> NDArray[np.float64]:
    """Value [N] of each request on its node; 0 for one that is left out."""
    values = np.stack([np.zeros(node.size), *(each.value for each in problem.nodes)])
    return values[node, np.arange(node.size)]
