"""The residual-profit loop of OT-GAH; see the package docstring for the method."""

from collections.abc import Sequence

import numpy as np

from edge_llm_gym.compiled import kernel, njit, row_kernel
from edge_llm_gym.compiled.totals import total
from edge_llm_gym.messages import quoted
from edge_llm_gym.numeric import flag, whole_number
from edge_llm_gym.problems.arrays import Ints
from edge_llm_gym.problems.assignment import AssignmentProblem
from edge_llm_gym.problems.batch import BatchArrays, stacked
from edge_llm_gym.problems.feasibility import within_limit
from edge_llm_gym.solvers.clock import deadline
from edge_llm_gym.solvers.dftsp.memory import make_memory
from edge_llm_gym.solvers.ot_gah.oracle import Oracle, query, shared_cost, write_members, write_profit_above
from edge_llm_gym.solvers.ot_gah.request_prices import improve_by_prices, reassign
from edge_llm_gym.solvers.ot_gah.work import Work, WorkMemory, make_work_memory, work_in
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
    arrays, node = stacked(problem.nodes), np.empty(problem.request_count, np.int64)
    arrays = arrays._replace(value=np.array([each.net_value for each in problem.nodes]))
    indices, limit = _node_indices(order, problem.node_count), whole_number("node_limit", node_limit)
    counters = np.zeros(2, np.int64)
    bound = _solve_one(arrays, indices, flag("improve", improve), rounds, limit, deadline_s, counters, node)
    value = problem.objective(node)
    nodes_visited, unproved = counters
    optimal = bool(within_limit(bound, value))
    return AssignmentSolution(node, value, max(bound, value), optimal, not unproved, int(nodes_visited))


@njit(cache=True)
def _solve_one(
    problem: BatchArrays,
    indices: Ints,
    improve: bool,
    rounds: int,
    node_limit: int,
    deadline_s: float,
    counters: Ints,
    node: Ints,
) -> float:
    """Write the assignment to ``node`` [N] and the effort to ``counters`` [2]; returns the upper bound."""
    oracle = Oracle(problem, node_limit, deadline_s, counters, make_memory(node.size))
    return assign(oracle, make_work_memory(indices.size, node.size), indices, improve, rounds, node)


@row_kernel
def assign(oracle: Oracle, memory: WorkMemory, indices: Ints, improve: bool, rounds: int, node: Ints) -> float:
    """Write the assignment to ``node`` [N]; returns its upper bound.

    One compiled function: two would each hold a copy of the exact search.
    """
    work = work_in(memory, node.size)
    bound = residual_loop(oracle, work, indices, node)
    if improve:
        bound = improve_by_prices(oracle, work, node, bound, rounds)
    return bound


@kernel
def residual_loop(oracle: Oracle, work: Work, indices: Ints, node: Ints) -> float:
    """Write the assignment to ``node`` [N]; returns an upper bound on every assignment.

    ``current_value`` is the value of each request on the node that selected it last, less its part of the price of that
    batch's shared time, in proportion to the residual profits. It never decreases. No node can gain more beyond the
    final current values than its oracle query allowed at that time, so the optimum is at most the sum of the final
    current values and of the oracle's bounds. With a single node, the oracle's bound is an upper bound by itself.
    """
    current_value, residual, selected = work.elsewhere, work.profit, work.chosen
    for j in range(node.size):
        node[j], current_value[j] = 0, 0.0
    gains = 0.0
    for turn in range(indices.size):
        index = indices[turn]
        value = oracle.problem.value[index]
        write_profit_above(value, current_value, residual)
        answer = query(oracle, index, residual, selected, indices.size - turn)
        cost = shared_cost(oracle, index, selected)
        paid = cost / (answer.profit + cost) if cost > 0.0 else 0.0
        for j in range(node.size):
            if selected[j]:
                node[j] = index + 1
                current_value[j] = value[j] - paid * residual[j]
        gains += answer.upper_bound
    bound = gains if indices.size == 1 else min(total(current_value) + gains, _sum_of_best_values(oracle))
    _trim(oracle, work, node)
    return bound


@kernel
def _trim(oracle: Oracle, work: Work, node: Ints) -> None:
    """Each node keeps the best part of its batch: the rest of a batch need not pay for the shared time any more."""
    mine, value, selected = work.present, work.profit, work.chosen
    for index in range(len(oracle.problem.value)):
        write_members(node, index, mine)
        cost, gained = shared_cost(oracle, index, mine), 0.0
        if cost == 0.0:
            continue
        for j in range(node.size):
            value[j] = oracle.problem.value[index, j] if mine[j] else 0.0
            gained += value[j]
        if query(oracle, index, value, selected, 1).profit >= gained - cost:
            reassign(node, mine, selected, index)


@kernel
def _sum_of_best_values(oracle: Oracle) -> float:
    """Total value if every request were served on the node where its value is greatest."""
    added, value = 0.0, oracle.problem.value
    for j in range(value.shape[1]):
        best = 0.0
        for index in range(len(value)):
            best = max(best, value[index, j])
        added += best
    return added


def _node_indices(order: Sequence[int] | None, node_count: int) -> Ints:
    if order is None:
        return np.arange(node_count)
    numbers = np.asarray(order)
    if numbers.dtype.kind not in "iu" or sorted(numbers.ravel().tolist()) != list(range(1, node_count + 1)):
        raise ValueError(f"order must list each node number from 1 to {node_count} once, got {quoted(order)}")
    return numbers.ravel().astype(np.int64) - 1
