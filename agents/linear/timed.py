"""Batches for nodes whose time has a rent: what a batch takes beyond the next one's start is paid for.

OT-GAH's loop with another oracle. A node's best batch is worth the most less its rent. The exact search knows a cap on
the time and no rent, so it is asked under several caps.
"""

import numpy as np
from numba import njit

from edge_llm_gym.arrays import Array
from edge_llm_gym.decoding.batching import BatchingArrays
from edge_llm_gym.problems.batch import BatchArrays
from edge_llm_gym.solvers.ot_gah.oracle import Oracle, query
from edge_llm_gym.solvers.ot_gah.request_prices import assigned_values

TURNS = 2
"""How often every node chooses. At its later turns it may leave others what they have come to want more."""
RENT_ORACLE_NODE_LIMIT = 100
"""Search nodes of one query of the oracle; with distinct values, more nodes cost time and gain nothing."""


def assign(rows: BatchingArrays, value: Array, free_s: Array, rent_per_s: Array, overruns_s: Array) -> Array:
    """Node [R, N] in 0..K for requests worth value [R, N, K].

    A batch of node k pays rent_per_s [R, K] for each second beyond free_s [R, K], and may overrun that by the greatest
    of `overruns_s`. Each batch is the best, net of rent, of those that the exact search finds under the caps free_s +
    overruns_s: at most the rent of a step between caps is lost.
    """
    node = np.zeros(rows.visible.shape, np.int64)
    # One memory layout, so that one compiled kernel serves all sizes.
    rows = BatchingArrays(*(np.ascontiguousarray(array) for array in rows))
    worths, free_s, rents = (np.ascontiguousarray(array, np.float64) for array in (value, free_s, rent_per_s))
    _assign_rows(rows, worths, free_s, rents, np.sort(overruns_s)[::-1].copy(), node)
    return node


@njit(cache=True)
def _assign_rows(rows, value, free_s, rent_per_s, overruns_s, node):  # type: ignore[no-untyped-def]
    for row in range(len(node)):
        slots = np.flatnonzero(rows.visible[row])
        if slots.size == 0:
            continue
        oracle = _oracle(rows, value, row, slots)
        chosen = np.zeros(slots.size, np.int64)
        for turn in range(TURNS * len(oracle.problem.value)):
            place = turn % len(oracle.problem.value)
            _choose(oracle, place, free_s[row, place], rent_per_s[row, place], overruns_s, chosen)
        node[row, slots] = chosen


@njit(cache=True)
def _oracle(rows, value, row, slots):  # type: ignore[no-untyped-def]
    problem = BatchArrays(
        _by_node(rows.time_s[row], slots),
        _by_node(rows.shared_time_s[row], slots),
        _by_node(rows.kv_bytes[row], slots),
        _by_node(rows.uplink_share[row], slots),
        _by_node(rows.downlink_share[row], slots),
        _by_node(rows.budget_s[row], slots),
        _by_node(value[row], slots),
        rows.free_kv_bytes[row].copy(),
        np.zeros(value.shape[2]),
    )
    return Oracle(problem, RENT_ORACLE_NODE_LIMIT, np.zeros(2, np.int64))


@njit(cache=True)
def _by_node(pairs, slots):  # type: ignore[no-untyped-def]
    """[K, n] of pairs [N, K]."""
    return np.ascontiguousarray(pairs[slots].T)


@njit(cache=True)
def _choose(oracle, place, free_s, rent_per_s, overruns_s, node):  # type: ignore[no-untyped-def]
    """Lets a node choose, among all requests at their worth beyond where they are now, and keep its batch otherwise."""
    mine = node == place + 1
    profit = oracle.problem.value[place] - np.where(mine, 0.0, assigned_values(oracle, node))
    selected = mine
    best = (profit * mine).sum() - rent_per_s * max(_time_s(oracle, place, mine) - free_s, 0.0)
    last_s = np.inf
    for overrun_s in overruns_s:
        if free_s + overrun_s >= last_s:  # the last batch is still the best
            continue
        oracle.problem.time_cap_s[place] = free_s + overrun_s
        answer = query(oracle, place, np.maximum(profit, 0.0))
        if answer.profit <= best:  # and shorter ones are worth less, before rent
            break
        last_s = _time_s(oracle, place, answer.selected)
        net = answer.profit - rent_per_s * max(last_s - free_s, 0.0)
        if net > best:
            best, selected = net, answer.selected
    node[mine] = 0
    node[selected] = place + 1


@njit(cache=True)
def _time_s(oracle, place, selected):  # type: ignore[no-untyped-def]
    problem = oracle.problem
    return (problem.time_s[place] * selected).sum() + (problem.shared_time_s[place] * selected).max()
