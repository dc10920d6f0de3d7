"""The exact single-node search as an oracle: what is a node's best batch if the requests are worth this much?"""

from typing import NamedTuple

import numpy as np
from numba import njit

from edge_llm_gym.problems.assignment import AssignmentProblem
from edge_llm_gym.solvers.multipliers import Flags, Floats, Ints
from edge_llm_gym.solvers.scaling import open_search, usable
from edge_llm_gym.solvers.search import advance, upper_bound


class Oracle(NamedTuple):
    """K nodes before the same N requests, and what asking about them has cost so far."""

    time_s: Floats  # [K, N], as the six that follow
    shared_s: Floats
    kv_bytes: Floats
    uplink: Floats
    downlink: Floats
    budget_s: Floats
    value: Floats
    memory_bytes: Floats  # [K]
    cap_s: Floats  # [K]
    node_limit: int  # of one search
    tally: Ints  # [2] search nodes visited, and searches that ended unproved


class Wish(NamedTuple):
    """A node's answer."""

    selected: Flags  # [N]
    profit: float
    upper_bound: float


def oracle_of(problem: AssignmentProblem, node_limit: int) -> Oracle:
    """An oracle for the nodes of one problem."""

    def stacked(name: str) -> Floats:
        return np.array([getattr(node, name) for node in problem.nodes], dtype=np.float64)

    return Oracle(
        stacked("time_s"),
        stacked("shared_time_s"),
        stacked("kv_bytes"),
        stacked("uplink_share"),
        stacked("downlink_share"),
        stacked("budget_s"),
        stacked("value"),
        stacked("memory_bytes"),
        stacked("time_cap_s"),
        node_limit,
        np.zeros(2, np.int64),
    )


@njit(cache=True)
def ask(oracle: Oracle, place: int, profit: Floats) -> Wish:
    """The batch of greatest ``profit`` [N] on the node at ``place``, counted from 0."""
    arrays = (
        oracle.time_s[place],
        oracle.shared_s[place],
        oracle.kv_bytes[place],
        oracle.uplink[place],
        oracle.downlink[place],
        oracle.budget_s[place],
        profit,
        oracle.memory_bytes[place],
        oracle.cap_s[place],
    )
    selected = np.zeros(profit.size, np.bool_)
    request = usable(*arrays)
    if request.size == 0:
        return Wish(selected, 0.0, 0.0)
    search = open_search(request, *arrays)
    proved = advance(search, oracle.node_limit)
    oracle.tally[0] += search.progress[0].nodes
    oracle.tally[1] += not proved
    selected[request[search.best_set]] = True
    worth = profit[selected].sum()
    bound = worth if proved else max(worth, upper_bound(search) * profit[request].max())
    return Wish(selected, worth, bound)
