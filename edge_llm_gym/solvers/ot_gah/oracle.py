"""The exact single-node search as an oracle: the best batch of one node for given profits of the requests."""

from typing import NamedTuple

import numpy as np

from edge_llm_gym.compiled import njit
from edge_llm_gym.problems.arrays import Flags, Floats, Ints
from edge_llm_gym.problems.assignment import AssignmentProblem
from edge_llm_gym.problems.batch import BatchArrays, stacked
from edge_llm_gym.problems.rows import node_of
from edge_llm_gym.solvers.clock import now_s
from edge_llm_gym.solvers.dftsp.scaling import largest, mark, open_search, servable_requests
from edge_llm_gym.solvers.dftsp.start import finish
from edge_llm_gym.solvers.dftsp.tree_search import advance


class Oracle(NamedTuple):
    """K nodes with the same N requests, and the search effort of all queries so far."""

    problem: BatchArrays  # arrays [K, N] and [K]; value is net of the price of the time that a request adds itself
    node_limit: int  # of one query
    deadline_s: float  # reading of `clock.now_s` after which queries are no longer answered by a search
    counters: Ints  # [2] search nodes visited, and queries that ended without a proof


class OracleAnswer(NamedTuple):
    """The best batch found for one node."""

    selected: Flags  # [N]
    profit: float  # less the price of the batch's shared time
    upper_bound: float  # no feasible batch has a greater one


def make_oracle(problem: AssignmentProblem, node_limit: int, deadline_s: float = np.inf) -> Oracle:
    """An oracle for the nodes of one problem."""
    arrays = stacked(problem.nodes)._replace(value=np.array([node.net_value for node in problem.nodes]))
    return Oracle(arrays, node_limit, deadline_s, np.zeros(2, np.int64))


@njit(cache=True)
def query(oracle: Oracle, index: int, profit: Floats, queries_left: int = 1) -> OracleAnswer:
    """The batch of greatest ``profit`` [N], less the price of its shared time, on the node of this ``index`` from 0.

    The time until the deadline is divided equally among the ``queries_left``. After it the answer is the empty batch,
    with the sum of all profits as its bound.
    """
    problem = node_of(oracle.problem, index)
    selected = np.zeros(profit.size, np.bool_)
    request = servable_requests(problem, profit)
    if request.size == 0:
        return OracleAnswer(selected, 0.0, 0.0)
    deadline_s = _deadline_s(oracle, queries_left)
    if deadline_s == -np.inf:
        oracle.counters[1] += 1
        everything = 0.0
        for j in request:
            everything += profit[j]
        return OracleAnswer(selected, 0.0, everything)
    search = open_search(request, problem, profit, deadline_s)
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
    return OracleAnswer(selected, total, max(total, bound))


@njit(cache=True, no_cpython_wrapper=True)
def profit_above(value: Floats, other: Floats) -> Floats:
    """What each value [n] is above another [n], 0 or more."""
    above = np.empty(value.size)
    for j in range(value.size):
        above[j] = max(value[j] - other[j], 0.0)
    return above


@njit(cache=True, no_cpython_wrapper=True)
def members(node: Ints, index: int) -> Flags:
    """Which requests of an assignment ``node`` [N] are on the node of this ``index`` from 0."""
    present = np.empty(node.size, np.bool_)
    for j in range(node.size):
        present[j] = node[j] == index + 1
    return present


@njit(cache=True)
def out_of_time(oracle: Oracle) -> bool:
    """Whether the deadline has passed."""
    return bool(oracle.deadline_s < np.inf and now_s() >= oracle.deadline_s)


@njit(cache=True, no_cpython_wrapper=True)
def _deadline_s(oracle: Oracle, queries_left: int) -> float:
    """Deadline of one of the queries that are left: minus infinity once that of all has passed."""
    if oracle.deadline_s == np.inf:
        return np.inf
    now = now_s()
    return -np.inf if now >= oracle.deadline_s else now + (oracle.deadline_s - now) / queries_left


@njit(cache=True)
def shared_cost(oracle: Oracle, index: int, selected: Flags) -> float:
    """Price of the shared time of the batch ``selected`` [N] on a node."""
    longest_s = 0.0
    for j in range(selected.size):
        if selected[j]:
            longest_s = max(longest_s, oracle.problem.shared_time_s[index, j])
    return oracle.problem.time_price[index] * longest_s
