"""Greedy insertion: goes through the requests in a given order and adds each one to a batch that stays feasible.

First-come-first-served, earliest deadline first and shortest job first differ in the order alone; static batching has a
limit on the batch size, scheduling without batching a limit of one. Where time has a price, a request joins no batch in
which its value would not pay for the time that it adds itself.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from edge_llm_gym.compiled import kernel
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


class _Nodes(NamedTuple):
    """K problems in the form of the kernel."""

    cost: Floats  # [K, N, 5] of each request, by Resource
    budget_s: Floats  # [K, N]
    capacity: Floats  # [K, 5]


class _Batches(NamedTuple):
    """The batches under construction."""

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


@kernel
def _first_fit(
    nodes: _Nodes,
    batches: _Batches,
    order: Ints,
    preference: Floats,
    by_batch_time: bool,
    max_size: int,
    assignment: Ints,
) -> None:
    """First fit over the requests, on the fitting node of least preference [K, N] or of shortest batch."""
    for request in order:
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


def _node_order(problem: AssignmentProblem) -> Floats:
    count = problem.request_count
    return np.repeat(np.arange(problem.node_count, dtype=np.float64)[:, None], count, axis=1)


def _bandwidth(problem: AssignmentProblem) -> Floats:
    return np.stack([np.nan_to_num(node.uplink_share + node.downlink_share, posinf=1e300) for node in problem.nodes])


def _memory_shortage(problem: AssignmentProblem) -> Floats:
    return np.stack([node.kv_bytes - node.memory_bytes for node in problem.nodes])


NODE_RULES: dict[str, Callable[[AssignmentProblem], Floats] | None] = {
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
    rule = NODE_RULES[known_name("node rule", node_rule, NODE_RULES)]
    preference = np.zeros((problem.node_count, 0)) if rule is None else rule(problem)
    assignment = np.zeros(problem.request_count, np.int64)
    indices = _checked_order(order, problem.request_count)
    max_size = problem.request_count if limit is None else whole_number("limit", limit)
    batches = _empty_batches(problem.nodes)
    _first_fit(_stack(problem.nodes), batches, indices, preference, rule is None, max_size, assignment)
    return assignment


def first_fit(problem: BatchProblem, order: ArrayLike, *, limit: int | None = None) -> Flags:
    """The `selected` [N] bool of first fit in `order` on one node; see `assign_first_fit`."""
    return assign_first_fit(AssignmentProblem((problem,)), order, "first", limit=limit) == 1


def _stack(problems: tuple[BatchProblem, ...]) -> _Nodes:
    cost = np.array([[getattr(problem, name) for name in COST_FIELDS] for problem in problems])
    capacity = np.ones((len(problems), RESOURCE_COUNT))
    capacity[:, Resource.KV] = [problem.memory_bytes for problem in problems]
    budget_s = np.array([np.where(problem.net_value >= 0.0, problem.budget_s, -1.0) for problem in problems])
    return _Nodes(np.ascontiguousarray(cost.transpose(0, 2, 1)), budget_s, capacity)


def _empty_batches(problems: tuple[BatchProblem, ...]) -> _Batches:
    time_limit_s = np.array([problem.time_cap_s for problem in problems])
    return _Batches(np.zeros((len(problems), RESOURCE_COUNT)), time_limit_s, np.zeros(len(problems), np.int64))


def _checked_order(order: ArrayLike, count: int) -> Ints:
    indices = np.asarray(order)
    if indices.ndim != 1 or (indices.size and not np.issubdtype(indices.dtype, np.integer)):
        raise ValueError(f"order must be a 1-D array of request indices, got shape {indices.shape} of {indices.dtype}")
    if indices.size and (indices.min() < 0 or indices.max() >= count or np.unique(indices).size < indices.size):
        raise ValueError(f"order must hold distinct request indices from 0 to {count - 1}, got {indices}")
    return indices.astype(np.int64)
