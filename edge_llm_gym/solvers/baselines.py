"""Greedy insertion: goes through the requests in a given order and adds each one to a batch that stays feasible.

First-come-first-served, earliest deadline first and shortest job first differ in the order alone; static batching has a
limit on the batch size, scheduling without batching a limit of one. Where time has a price, a request joins no batch in
which its value would not pay for the time that it adds itself.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from edge_llm_gym.compiled import kernel, row_kernel
from edge_llm_gym.names import known_name
from edge_llm_gym.numeric import whole_number
from edge_llm_gym.problems.arrays import Flags, Floats, Ints
from edge_llm_gym.problems.assignment import AssignmentProblem
from edge_llm_gym.problems.batch import BatchProblem
from edge_llm_gym.problems.feasibility import (
    COST_FIELDS,
    RELATIVE_TOLERANCE,
    RESOURCE_COUNT,
    Resource,
    add,
    batch_time_with,
    fits,
)
from edge_llm_gym.problems.rows import AssignmentRows, one_row


class _Nodes(NamedTuple):
    """K problems in the form of the kernel; those of R rows have a leading axis of rows."""

    cost: Floats  # [K, N, 5] of each request, by Resource
    budget_s: Floats  # [K, N]
    capacity: Floats  # [K, 5]


class _Batches(NamedTuple):
    """The batches under construction; those of R rows have a leading axis of rows."""

    used: Floats  # [K, 5] by Resource
    time_limit_s: Floats  # [K] tightest limit so far
    size: Ints  # [K]


@kernel
def _fits(nodes: _Nodes, batches: _Batches, node: int, request: int, max_size: int) -> bool:
    """Whether the node's batch stays feasible with the request in it."""
    if batches.size[node] >= max_size:
        return False
    time_limit_s = min(batches.time_limit_s[node], nodes.budget_s[node, request])
    return fits(batches.used[node], nodes.cost[node, request], nodes.capacity[node], time_limit_s, RELATIVE_TOLERANCE)


@kernel
def _insert(nodes: _Nodes, batches: _Batches, node: int, request: int) -> None:
    """Add the request to the node's batch."""
    add(batches.used[node], nodes.cost[node, request])
    batches.time_limit_s[node] = min(batches.time_limit_s[node], nodes.budget_s[node, request])
    batches.size[node] += 1


@row_kernel
def _first_fit(
    nodes: _Nodes,
    batches: _Batches,
    order: Ints,
    preference: Floats,
    by_batch_time: bool,
    max_size: int,
    assignment: Ints,
) -> None:
    """First fit in each row, on the fitting node of least preference [R, K, N] or of shortest batch.

    ``order`` [R, N] begins with the requests to insert, and goes on with -1.
    """
    for row in range(order.shape[0]):
        _fill_row(
            _Nodes(nodes.cost[row], nodes.budget_s[row], nodes.capacity[row]),
            _Batches(batches.used[row], batches.time_limit_s[row], batches.size[row]),
            order[row],
            preference[row],
            by_batch_time,
            max_size,
            assignment[row],
        )


@kernel
def _fill_row(
    nodes: _Nodes,
    batches: _Batches,
    order: Ints,
    preference: Floats,
    by_batch_time: bool,
    max_size: int,
    assignment: Ints,
) -> None:
    """First fit in one row."""
    for request in order:
        if request < 0:
            break
        chosen, least = -1, np.inf
        for node in range(batches.size.size):
            if by_batch_time:
                score = batch_time_with(batches.used[node], nodes.cost[node, request])
            else:
                score = preference[node, request]
            if score < least and _fits(nodes, batches, node, request, max_size):
                chosen, least = node, score
        if chosen >= 0:
            _insert(nodes, batches, chosen, request)
            assignment[request] = chosen + 1


def _node_order(rows: AssignmentRows) -> Floats:
    return np.broadcast_to(np.arange(rows.time_s.shape[2], dtype=np.float64), rows.time_s.shape)


def _bandwidth(rows: AssignmentRows) -> Floats:
    return np.nan_to_num(rows.uplink_share + rows.downlink_share, posinf=1e300)


def _memory_shortage(rows: AssignmentRows) -> Floats:
    return rows.kv_bytes - rows.memory_bytes[:, None]


NODE_RULES: dict[str, Callable[[AssignmentRows], Floats] | None] = {
    "earliest-finish": None,  # the node whose batch would end first with the request in it
    "best-channel": _bandwidth,  # the node where the request needs the least bandwidth
    "most-memory": _memory_shortage,  # the node with the most free memory at the start of the epoch
    "first": _node_order,  # the first node, in the order of the problem
}


def assign_first_fit(
    problem: AssignmentProblem, order: ArrayLike, node_rule: str = "earliest-finish", *, limit: int | None = None
) -> Ints:
    """Assignment [N] int (0 none, k the k-th node) of first fit in `order`, an array of distinct request indices.

    Among the nodes whose batch stays feasible the `node_rule` of NODE_RULES selects one; `limit` is the greatest size
    of a batch. Requests that are not in `order` are left out. Raises ValueError for an unknown rule, an invalid order
    and a limit that is not a whole number of zero or more.
    """
    known_name("node rule", node_rule, NODE_RULES)
    indices = np.full((1, problem.request_count), -1)
    chosen = _checked_order(order, problem.request_count)
    indices[0, : chosen.size] = chosen
    max_size = None if limit is None else whole_number("limit", limit)
    return first_fit_rows(one_row(problem), indices, node_rule, limit=max_size)[0]


def first_fit_rows(
    rows: AssignmentRows, order: Ints, node_rule: str = "earliest-finish", *, limit: int | None = None
) -> Ints:
    """Assignments [R, N] of first fit in each row, in one compiled loop.

    ``order`` [R, N] int64 lists the slots to insert, then -1; the other arguments are those of `assign_first_fit`.
    Nothing is checked.
    """
    rule, (count, slots, nodes) = NODE_RULES[node_rule], rows.time_s.shape
    preference = np.zeros((count, nodes, 0)) if rule is None else _by_node(rule(rows))
    assignment = np.zeros((count, slots), np.int64)
    max_size = slots if limit is None else limit
    batches = _Batches(
        np.zeros((count, nodes, RESOURCE_COUNT)), rows.time_cap_s.copy(), np.zeros((count, nodes), np.int64)
    )
    _first_fit(_nodes(rows), batches, np.ascontiguousarray(order), preference, rule is None, max_size, assignment)
    return assignment


def first_fit(problem: BatchProblem, order: ArrayLike, *, limit: int | None = None) -> Flags:
    """The `selected` [N] bool of first fit in `order` on one node; see `assign_first_fit`."""
    return assign_first_fit(AssignmentProblem((problem,)), order, "first", limit=limit) == 1


def _nodes(rows: AssignmentRows) -> _Nodes:
    count, slots, nodes = rows.time_s.shape
    cost = np.empty((count, nodes, slots, RESOURCE_COUNT))
    for resource, name in enumerate(COST_FIELDS):
        cost[..., resource] = getattr(rows, name).transpose(0, 2, 1)
    capacity = np.ones((count, nodes, RESOURCE_COUNT))
    capacity[..., Resource.KV] = rows.memory_bytes
    return _Nodes(cost, _by_node(np.where(rows.net_value >= 0.0, rows.budget_s, -1.0)), capacity)


def _by_node(pairs: Floats) -> Floats:
    """[R, K, N] of pairs [R, N, K]."""
    return np.ascontiguousarray(pairs.transpose(0, 2, 1))


def _checked_order(order: ArrayLike, count: int) -> Ints:
    indices = np.asarray(order)
    if indices.ndim != 1 or (indices.size and not np.issubdtype(indices.dtype, np.integer)):
        raise ValueError(f"order must be a 1-D array of request indices, got shape {indices.shape} of {indices.dtype}")
    if indices.size and (indices.min() < 0 or indices.max() >= count or np.unique(indices).size < indices.size):
        raise ValueError(f"order must hold distinct request indices from 0 to {count - 1}, got {indices}")
    return indices.astype(np.int64)
