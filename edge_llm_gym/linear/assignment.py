"""Batches for nodes whose time has a price: a batch pays for its time beyond the start of the next one.

The loop is that of OT-GAH with another oracle: a node's best batch maximises value less the price of its time. The
exact search knows a cap on the time and no price, so it is run under several caps. The quick search
(`edge_llm_gym.linear.quick_search`) takes about a tenth of the time.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import njit
from edge_llm_gym.decoding.batching import BatchingArrays
from edge_llm_gym.linear.quick_search import NodeProblem, quick_batch
from edge_llm_gym.names import known_name
from edge_llm_gym.problems.rows import batch_arrays
from edge_llm_gym.sim.row_workers import RowWorkers
from edge_llm_gym.solvers.dftsp.memory import SearchMemory, make_memory
from edge_llm_gym.solvers.ot_gah.oracle import Oracle, query
from edge_llm_gym.solvers.ot_gah.request_prices import write_assigned_values

TURNS = 2
"""How often each node chooses. At later turns it may release requests that have become worth more elsewhere."""
PRICED_ORACLE_NODE_LIMIT = 100
"""Search nodes of one query of the oracle; with distinct values, more nodes cost time and gain nothing."""


def assign(
    rows: BatchingArrays,
    value: Array,
    free_s: Array,
    node_time_price: Array,
    overruns_s: Array,
    search: str = "exact",
    workers: RowWorkers | None = None,
) -> Array:
    """Node [R, N] in 0..K for requests of value [R, N, K].

    A batch of node k pays node_time_price [R, K] for each second beyond free_s [R, K], and may overrun that by the
    greatest of `overruns_s`. `search` is a name in SEARCHES. With "exact" each batch is the best, net of that price, of
    those that the exact search finds under the caps free_s + overruns_s: at most the price of a step between caps is
    lost. With "quick" it is one of high net value. `workers` split the rows over threads; rows do not depend on one
    another.

    Raises ValueError for an unknown search.
    """
    node = np.zeros(rows.visible.shape, np.int64)
    # One memory layout, so that one compiled kernel serves all sizes.
    rows = BatchingArrays(*(np.ascontiguousarray(array) for array in rows))
    values, free_s, prices = (np.ascontiguousarray(array, np.float64) for array in (value, free_s, node_time_price))
    falling_s = np.sort(overruns_s)[::-1].copy()
    run = SEARCHES[known_name("search", search, SEARCHES)]

    def decide(chosen: slice) -> None:
        costs = BatchingArrays(*(array[chosen] for array in rows))
        run(costs, values[chosen], free_s[chosen], prices[chosen], falling_s, node[chosen])

    (workers or RowWorkers(1)).split(len(node), decide)
    return node


@njit(cache=True, nogil=True)
def _assign_exactly(
    rows: BatchingArrays, value: Array, free_s: Array, node_time_price: Array, overruns_s: Array, node: Array
) -> None:
    memory = make_memory(node.shape[1])
    for row in range(len(node)):
        slots = np.flatnonzero(rows.visible[row])
        if slots.size == 0:
            continue
        oracle = _oracle(rows, value, row, slots, memory)
        chosen = np.zeros(slots.size, np.int64)
        for turn in range(TURNS * len(oracle.problem.value)):
            index = turn % len(oracle.problem.value)
            _choose(oracle, index, free_s[row, index], node_time_price[row, index], overruns_s, chosen)
        node[row, slots] = chosen


@njit(cache=True, nogil=True)
def _assign_quickly(
    rows: BatchingArrays, value: Array, free_s: Array, node_time_price: Array, overruns_s: Array, node: Array
) -> None:
    nodes, overrun_s = value.shape[2], overruns_s.max()
    for row in range(len(node)):
        slots = np.flatnonzero(rows.visible[row])
        chosen, worth = np.zeros(slots.size, np.int64), np.zeros(slots.size)
        selected, profit = np.zeros(slots.size, np.bool_), np.zeros(slots.size)
        for turn in range(TURNS * nodes if slots.size else 0):
            index = turn % nodes
            problem = _node_problem(rows, row, index, slots, free_s[row, index], overrun_s, node_time_price[row, index])
            for one in range(slots.size):
                profit[one] = value[row, slots[one], index] - (worth[one] if chosen[one] != index + 1 else 0.0)
            if quick_batch(problem, profit, selected) <= _net_of_own(problem, profit, chosen == index + 1):
                continue
            for one in range(slots.size):
                if selected[one]:
                    chosen[one], worth[one] = index + 1, value[row, slots[one], index]
                elif chosen[one] == index + 1:
                    chosen[one], worth[one] = 0, 0.0
        node[row, slots] = chosen


@njit(cache=True, nogil=True)
def _node_problem(
    rows: BatchingArrays, row: int, index: int, slots: Array, free_s: float, overrun_s: float, price: float
) -> NodeProblem:
    usage = np.empty((slots.size, 3))
    usage[:, 0] = rows.kv_bytes[row, :, index][slots] / max(rows.free_kv_bytes[row, index], 1e-300)
    usage[:, 1] = rows.uplink_share[row, :, index][slots]
    usage[:, 2] = rows.downlink_share[row, :, index][slots]
    return NodeProblem(
        rows.time_s[row, :, index][slots],
        rows.shared_time_s[row, :, index][slots],
        usage,
        rows.budget_s[row, :, index][slots],
        free_s,
        free_s + overrun_s,
        price,
    )


@njit(cache=True, nogil=True)
def _net_of_own(problem: NodeProblem, profit: Array, mine: Array) -> float:
    """Net value of the batch that the node has now."""
    if not mine.any():
        return 0.0
    length_s = (problem.time_s * mine).sum() + (problem.shared_time_s * mine).max()
    net: float = (profit * mine).sum() - problem.price * max(length_s - problem.free_s, 0.0)
    return net


Search = Callable[[BatchingArrays, Array, Array, Array, Array, Array], None]
SEARCHES: Final[Mapping[str, Search]] = MappingProxyType({"exact": _assign_exactly, "quick": _assign_quickly})
"""Name -> kernel of (rows, value, free_s, node_time_price, overruns_s in falling order, node), which fills `node`."""


@njit(cache=True, nogil=True)
def _oracle(rows: BatchingArrays, value: Array, row: int, slots: Array, memory: SearchMemory) -> Oracle:
    nodes = value.shape[2]
    # The loop itself caps and prices the time.
    limits = rows.free_kv_bytes[row].copy(), np.zeros(nodes), np.zeros(nodes)
    problem = batch_arrays(rows, value, row, slots, limits)
    return Oracle(problem, PRICED_ORACLE_NODE_LIMIT, np.inf, np.zeros(2, np.int64), memory)


@njit(cache=True, nogil=True)
def _choose(oracle: Oracle, index: int, free_s: float, node_time_price: float, overruns_s: Array, node: Array) -> None:
    """Gives a node the best batch by the requests' value beyond that where they are now, unless its own is better."""
    mine = node == index + 1
    worth, answered = np.empty(node.size), np.empty(node.size, np.bool_)
    write_assigned_values(oracle, node, worth)
    profit = oracle.problem.value[index] - np.where(mine, 0.0, worth)
    selected = mine
    best = (profit * mine).sum() - node_time_price * max(_time_s(oracle, index, mine) - free_s, 0.0)
    last_s = np.inf
    for overrun_s in overruns_s:
        if free_s + overrun_s >= last_s:  # the last batch is still the best
            continue
        oracle.problem.time_cap_s[index] = free_s + overrun_s
        answer = query(oracle, index, np.maximum(profit, 0.0), answered, 1)
        if answer.profit <= best:  # shorter batches are worth less before the price of time
            break
        last_s = _time_s(oracle, index, answered)
        net = answer.profit - node_time_price * max(last_s - free_s, 0.0)
        if net > best:
            best, selected = net, answered.copy()
    node[mine] = 0
    node[selected] = index + 1


@njit(cache=True, nogil=True)
def _time_s(oracle: Oracle, index: int, selected: Array) -> float:
    problem = oracle.problem
    return (problem.time_s[index] * selected).sum() + (problem.shared_time_s[index] * selected).max()
