"""The exact single-node search as an oracle: the best batch of one node for given profits of the requests."""

from typing import NamedTuple

import numpy as np
from numba import njit

from edge_llm_gym.problems.arrays import Flags, Floats, Ints
from edge_llm_gym.problems.assignment import AssignmentProblem
from edge_llm_gym.problems.batch import BatchArrays, stacked
from edge_llm_gym.solvers.dftsp.scaling import open_search, servable_requests
from edge_llm_gym.solvers.dftsp.tree_search import advance, upper_bound


class Oracle(NamedTuple):
    """K nodes with the same N requests, and the search effort of all queries so far."""

    problem: BatchArrays  # arrays [K, N] and [K]
    node_limit: int  # of one query
    counters: Ints  # [2] search nodes visited, and queries that ended without a proof


class OracleAnswer(NamedTuple):
    """The best batch found for one node."""

    selected: Flags  # [N]
    profit: float
    upper_bound: float  # no feasible batch has a greater profit


def make_oracle(problem: AssignmentProblem, node_limit: int) -> Oracle:
    """An oracle for the nodes of one problem."""
    return Oracle(stacked(problem.nodes), node_limit, np.zeros(2, np.int64))


@njit(cache=True)
def query(oracle: Oracle, index: int, profit: Floats) -> OracleAnswer:
    """The batch of greatest ``profit`` [N] on the node of this ``index``, counted from 0."""
    problem = _node_problem(oracle.problem, index, profit)
    selected = np.zeros(profit.size, np.bool_)
    request = servable_requests(problem)
    if request.size == 0:
        return OracleAnswer(selected, 0.0, 0.0)
    search = open_search(request, problem)
    proved = advance(search, oracle.node_limit)
    oracle.counters[0] += search.progress[0].nodes
    oracle.counters[1] += not proved
    selected[request[search.best_set]] = True
    total = profit[selected].sum()
    bound = total if proved else max(total, upper_bound(search) * profit[request].max())
    return OracleAnswer(selected, total, bound)


@njit(cache=True, no_cpython_wrapper=True)
def _node_problem(problems: BatchArrays, index: int, value: Floats) -> BatchArrays:
    return BatchArrays(
        problems.time_s[index],
        problems.shared_time_s[index],
        problems.kv_bytes[index],
        problems.uplink_share[index],
        problems.downlink_share[index],
        problems.budget_s[index],
        value,
        problems.memory_bytes[index],
        problems.time_cap_s[index],
    )
