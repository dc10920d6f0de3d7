"""The exact single-node search as an oracle: the best batch of one node for given profits of the requests."""

from typing import NamedTuple

import numpy as np

from edge_llm_gym.compiled import kernel, part_kernel
from edge_llm_gym.compiled.views import view
from edge_llm_gym.problems.arrays import Flags, Floats, Ints
from edge_llm_gym.problems.batch import BatchArrays
from edge_llm_gym.problems.rows import node_of
from edge_llm_gym.solvers.clock import now_s
from edge_llm_gym.solvers.dftsp.memory import SearchMemory
from edge_llm_gym.solvers.dftsp.scaling import largest, mark, open_search, servable_requests
from edge_llm_gym.solvers.dftsp.start import finish
from edge_llm_gym.solvers.dftsp.tree_search import advance


class Oracle(NamedTuple):
    """K nodes with the same N requests, and the search effort of all queries so far."""

    problem: BatchArrays  # arrays [K, N] and [K]; value is net of the price of the time that a request adds itself
    node_limit: int  # of one query
    deadline_s: float  # reading of `clock.now_s` after which queries are no longer answered by a search
    counters: Ints  # [2] search nodes visited, and queries that ended without a proof
    memory: SearchMemory  # of N requests or more


class OracleAnswer(NamedTuple):
    """What the best batch found for one node is worth."""

    profit: float  # less the price of the batch's shared time
    upper_bound: float  # no feasible batch has a greater one


@part_kernel
def query(oracle: Oracle, index: int, profit: Floats, selected: Flags, queries_left: int) -> OracleAnswer:
    """Write the batch of greatest ``profit`` [N], less the price of its shared time, to ``selected`` [N].

    The batch is that of the node of this ``index`` from 0. The time until the deadline is divided equally among the
    ``queries_left``. After it the answer is the empty batch, with the sum of all profits as its bound.
    """
    problem = node_of(oracle.problem, index)
    request = view(oracle.memory.request, (servable_requests(problem, profit, oracle.memory.request),))
    for j in range(selected.size):
        selected[j] = False
    if request.size == 0:
        return OracleAnswer(0.0, 0.0)
    deadline_s = _deadline_s(oracle, queries_left)
    if deadline_s == -np.inf:
        oracle.counters[1] += 1
        everything = 0.0
        for j in request:
            everything += profit[j]
        return OracleAnswer(0.0, everything)
    search = open_search(oracle.memory, request, problem, profit, deadline_s)
    proved = advance(search, oracle.node_limit)
    oracle.counters[0] += search.progress[0].nodes
    oracle.counters[1] += not proved
    bound = 0.0 if proved else finish(search) * largest(profit, request)
    mark(selected, request, search.best_set)
    gained = 0.0
    for j in range(profit.size):
        if selected[j]:
            gained += profit[j]
    total = gained - shared_cost(oracle, index, selected)
    return OracleAnswer(total, max(total, bound))


@kernel
def write_profit_above(value: Floats, other: Floats, above: Floats) -> None:
    """Write what each value [n] is above another [n], 0 or more."""
    for j in range(value.size):
        above[j] = max(value[j] - other[j], 0.0)


@kernel
def write_members(node: Ints, index: int, present: Flags) -> None:
    """Write which requests of an assignment ``node`` [N] are on the node of this ``index`` from 0."""
    for j in range(node.size):
        present[j] = node[j] == index + 1


@kernel
def out_of_time(oracle: Oracle) -> bool:
    """Whether the deadline has passed."""
    return bool(oracle.deadline_s < np.inf and now_s() >= oracle.deadline_s)


@kernel
def _deadline_s(oracle: Oracle, queries_left: int) -> float:
    """Deadline of one of the queries that are left: minus infinity once that of all has passed."""
    if oracle.deadline_s == np.inf:
        return np.inf
    now = now_s()
    return -np.inf if now >= oracle.deadline_s else now + (oracle.deadline_s - now) / queries_left


@kernel
def shared_cost(oracle: Oracle, index: int, selected: Flags) -> float:
    """Price of the shared time of the batch ``selected`` [N] on a node."""
    longest_s = 0.0
    for j in range(selected.size):
        if selected[j]:
            longest_s = max(longest_s, oracle.problem.shared_time_s[index, j])
    return oracle.problem.time_price[index] * longest_s
