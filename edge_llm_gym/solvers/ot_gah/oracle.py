"""The exact single-node search as an oracle: the best batch of one node for given profits of the requests."""

from typing import NamedTuple

import numpy as np

from edge_llm_gym.compiled import njit
from edge_llm_gym.problems.arrays import Flags, Floats, Ints
from edge_llm_gym.problems.assignment import AssignmentProblem
from edge_llm_gym.problems.batch import BatchArrays, stacked
from edge_llm_gym.solvers.dftsp.scaling import open_search, servable_requests
from edge_llm_gym.solvers.dftsp.tree_search import advance, upper_bound


class Oracle(NamedTuple):
    """K nodes with the same N requests, and the search effort of all queries so far."""

    problem: BatchArrays  # arrays [K, N] and [K]; value is net of the price of the time that a request adds itself
    node_limit: int  # of one query
    counters: Ints  # [2] search nodes visited, and queries that ended without a proof


class OracleAnswer(NamedTuple):
    """The best batch found for one node."""

    selected: Flags  # [N]
    profit: float  # less the price of the batch's shared time
    upper_bound: float  # no feasible batch has a greater one


def make_oracle(problem: AssignmentProblem, node_limit: int) -> Oracle:
    """An oracle for the nodes of one problem."""
    arrays = stacked(problem.nodes)._replace(value=np.array([node.net_value for node in problem.nodes]))
    return Oracle(arrays, node_limit, np.zeros(2, np.int64))


@njit(cache=True)
def query(oracle: Oracle, index: int, profit: Floats) -> OracleAnswer:
    """The batch of greatest ``profit`` [N], less the price of its shared time, on the node of this ``index`` from 0."""
    problem = _node_problem(oracle.problem, index)
    selected = np.zeros(profit.size, np.bool_)
    request = servable_requests(problem, profit)
    if request.size == 0:
        return OracleAnswer(selected, 0.0, 0.0)
    search = open_search(request, problem, profit)
    proved = advance(search, oracle.node_limit)
    oracle.counters[0] += search.progress[0].nodes
    oracle.counters[1] += not proved
    selected[request[search.best_set]] = True
    total = profit[selected].sum() - shared_cost(oracle, index, selected)
    bound = total if proved else max(total, upper_bound(search) * profit[request].max())
    return OracleAnswer(selected, total, bound)


@njit(cache=True)
def shared_cost(oracle: Oracle, index: int, selected: Flags) -> float:
    """Price of the shared time of the batch ``selected`` [N] on a node."""
    longest_s = 0.0
    for j in range(selected.size):
        if selected[j]:
            longest_s = max(longest_s, oracle.problem.shared_time_s[index, j])
    return oracle.problem.time_price[index] * longest_s


@njit(cache=True, no_cpython_wrapper=True)
def _node_problem(problems: BatchArrays, index: int) -> BatchArrays:
    return BatchArrays(
        problems.time_s[index],
        problems.shared_time_s[index],
        problems.kv_bytes[index],
        problems.uplink_share[index],
        problems.downlink_share[index],
        problems.budget_s[index],
        problems.value[index],
        problems.memory_bytes[index],
        problems.time_cap_s[index],
        problems.time_price[index],
    )
