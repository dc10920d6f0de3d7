"""The residual-profit loop of OT-GAH; see the package docstring for the method."""

from collections.abc import Sequence

import numpy as np

from edge_llm_gym.compiled import njit
from edge_llm_gym.compiled.totals import total
from edge_llm_gym.messages import quoted
from edge_llm_gym.numeric import flag, whole_number
from edge_llm_gym.problems.arrays import Ints
from edge_llm_gym.problems.assignment import AssignmentProblem
from edge_llm_gym.problems.feasibility import within_limit
from edge_llm_gym.solvers.clock import deadline
from edge_llm_gym.solvers.ot_gah.oracle import Oracle, make_oracle, members, profit_above, query, shared_cost
from edge_llm_gym.solvers.ot_gah.request_prices import improve_by_prices, reassign
from edge_llm_gym.solvers.solutions import AssignmentSolution

ORACLE_NODE_LIMIT = 1_000_000
"""Default limit on the search nodes of one oracle query."""

PRICE_ROUNDS = 8
"""Default number of rounds of the improvement; each one queries the oracle twice for every node."""


def solve(
    problem: AssignmentProblem,
    *,
    order: Sequence[int] | None = None,
    improve: bool = False,
    rounds: int = PRICE_ROUNDS,
    node_limit: int = ORACLE_NODE_LIMIT,
    time_limit_s: float | None = None,
) -> AssignmentSolution:
    """A feasible assignment of at least half of the optimal value, where time has no price.

    ``order`` lists the nodes 1..K in the order in which they are processed, by default that of the problem. ``improve``
    adds ``rounds`` rounds that search for a better assignment and a tighter upper bound; the result is never worse.
    ``node_limit`` limits each query of the oracle, ``time_limit_s`` (None: no limit) the whole run, whose remaining
    time the queries of the first pass over the nodes share equally. A query that ends early voids the guarantee but not
    the upper bound. A price of the shared time weakens the guarantee (package docstring); the upper bound stays valid.

    Raises ValueError for an order that is not a permutation of 1..K, and for limits that are not whole numbers (times:
    numbers) of zero or more.
    """
    deadline_s = deadline(time_limit_s)
    rounds = whole_number("rounds", rounds)
    oracle = make_oracle(problem, whole_number("node_limit", node_limit), deadline_s)
    node, bound = assign(oracle, _node_indices(order, problem.node_count), flag("improve", improve), rounds)
    value = problem.objective(node)
    nodes_visited, unproved = oracle.counters
    optimal = bool(within_limit(bound, value))
    return AssignmentSolution(node, value, max(bound, value), optimal, not unproved, int(nodes_visited))


@njit(cache=True)
def assign(oracle: Oracle, indices: Ints, improve: bool, rounds: int) -> tuple[Ints, float]:
    """The assignment and its upper bound. One compiled function: two would each hold a copy of the exact search."""
    node, bound = residual_loop(oracle, indices)
    if improve:
        node, bound = improve_by_prices(oracle, node, bound, rounds)
    return node, bound


@njit(cache=True)
def residual_loop(oracle: Oracle, indices: Ints) -> tuple[Ints, float]:
    """The assignment, and an upper bound on every assignment.

    ``current_value`` is the value of each request on the node that selected it last, less its part of the price of that
    batch's shared time, in proportion to the residual profits. It never decreases. No node can gain more beyond the
    final current values than its oracle query allowed at that time, so the optimum is at most the sum of the final
    current values and of the oracle's bounds. With a single node, the oracle's bound is an upper bound by itself.
    """
    node = np.zeros(oracle.problem.value.shape[1], np.int64)
    current_value = np.zeros(node.size)
    gains = 0.0
    for turn, index in enumerate(indices):
        value = oracle.problem.value[index]
        residual = profit_above(value, current_value)
        answer = query(oracle, index, residual, indices.size - turn)
        cost = shared_cost(oracle, index, answer.selected)
        paid = cost / (answer.profit + cost) if cost > 0.0 else 0.0
        for j in range(node.size):
            if answer.selected[j]:
                node[j] = index + 1
                current_value[j] = value[j] - paid * residual[j]
        gains += answer.upper_bound
    bound = gains if indices.size == 1 else min(total(current_value) + gains, _sum_of_best_values(oracle))
    return trim(oracle, node), bound


@njit(cache=True, no_cpython_wrapper=True)
def trim(oracle: Oracle, node: Ints) -> Ints:
    """Each node keeps the best part of its batch: the rest of a batch need not pay for the shared time any more."""
    for index in range(len(oracle.problem.value)):
        mine = members(node, index)
        if shared_cost(oracle, index, mine) == 0.0:
            continue
        value, total = np.zeros(node.size), 0.0
        for j in range(node.size):
            if mine[j]:
                value[j] = oracle.problem.value[index, j]
                total += value[j]
        answer = query(oracle, index, value, 1)
        if answer.profit >= total - shared_cost(oracle, index, mine):
            reassign(node, mine, answer.selected, index)
    return node


@njit(cache=True, no_cpython_wrapper=True)
def _sum_of_best_values(oracle: Oracle) -> float:
    """Total value if every request were served on the node where its value is greatest."""
    best, value = np.zeros(oracle.problem.value.shape[1]), oracle.problem.value
    for index in range(len(value)):
        for j in range(best.size):
            best[j] = max(best[j], value[index, j])
    return total(best)


def _node_indices(order: Sequence[int] | None, node_count: int) -> Ints:
    if order is None:
        return np.arange(node_count)
    numbers = np.asarray(order)
    if numbers.dtype.kind not in "iu" or sorted(numbers.ravel().tolist()) != list(range(1, node_count + 1)):
        raise ValueError(f"order must list each node number from 1 to {node_count} once, got {quoted(order)}")
    return numbers.ravel().astype(np.int64) - 1
