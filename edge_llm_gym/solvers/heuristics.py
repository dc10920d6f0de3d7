"""Greedy insertion: goes through the requests in a given order and adds each one that keeps its batch feasible.

First-come, earliest-deadline and shortest-job differ in the order alone; a static batch has a limit, no batching a
limit of one.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from edge_llm_gym.names import known_name
from edge_llm_gym.problems.assignment import AssignmentProblem
from edge_llm_gym.problems.batch import RELATIVE_TOLERANCE, BatchProblem

SLACK = 1.0 + RELATIVE_TOLERANCE
TIME, SHARED, MEMORY, UPLINK, DOWNLINK = range(5)


class _Nodes(NamedTuple):
    """K problems stacked for the kernel."""

    cost: NDArray[np.float64]  # [K, 5, N]: w, v, KV bytes, uplink and downlink share
    budget_s: NDArray[np.float64]  # [K, N]
    room: NDArray[np.float64]  # [K, 5], only MEMORY and the shares are read


class _Load(NamedTuple):
    """What the batches under way use."""

    cost: NDArray[np.float64]  # [K, 5], SHARED is a maximum, the rest sums
    end_s: NDArray[np.float64]  # [K] tightest limit so far
    size: NDArray[np.int64]  # [K]


@njit(cache=True)
def _time_with(nodes, load, node, request):  # type: ignore[no-untyped-def]
    """Batch time on a node once the request has joined."""
    shared_s = max(load.cost[node, SHARED], nodes.cost[node, SHARED, request])
    return load.cost[node, TIME] + nodes.cost[node, TIME, request] + shared_s


@njit(cache=True)
def _fits(nodes, load, node, request, limit):  # type: ignore[no-untyped-def]
    """Whether the node's batch stays feasible with the request in it."""
    if load.size[node] >= limit:
        return False
    for kind in (MEMORY, UPLINK, DOWNLINK):
        if load.cost[node, kind] + nodes.cost[node, kind, request] > nodes.room[node, kind] * SLACK:
            return False
    end_s = min(load.end_s[node], nodes.budget_s[node, request])
    return _time_with(nodes, load, node, request) <= end_s * SLACK


@njit(cache=True)
def _join(nodes, load, node, request):  # type: ignore[no-untyped-def]
    """Adds the request to the node's batch."""
    for kind in (TIME, MEMORY, UPLINK, DOWNLINK):
        load.cost[node, kind] += nodes.cost[node, kind, request]
    load.cost[node, SHARED] = max(load.cost[node, SHARED], nodes.cost[node, SHARED, request])
    load.end_s[node] = min(load.end_s[node], nodes.budget_s[node, request])
    load.size[node] += 1


@njit(cache=True)
def _insert(nodes, load, order, preference, by_end, limit, assignment):  # type: ignore[no-untyped-def]
    """First fit over requests; the node is the fitting one of least preference, or of earliest end."""
    for request in order:
        chosen, least = -1, np.inf
        for node in range(load.size.size):
            score = _time_with(nodes, load, node, request) if by_end else preference[node, request]
            if score < least and _fits(nodes, load, node, request, limit):
                chosen, least = node, score
        if chosen >= 0:
            _join(nodes, load, chosen, request)
            assignment[request] = chosen + 1


def _node_order(problem: AssignmentProblem) -> NDArray[np.float64]:
    count = problem.request_count
    return np.repeat(np.arange(problem.node_count, dtype=np.float64)[:, None], count, axis=1)


def _radio_cost(problem: AssignmentProblem) -> NDArray[np.float64]:
    return np.stack([np.nan_to_num(node.uplink_share + node.downlink_share, posinf=1e300) for node in problem.nodes])


def _memory_cost(problem: AssignmentProblem) -> NDArray[np.float64]:
    return np.stack([node.kv_bytes - node.memory_bytes for node in problem.nodes])


NODE_RULES: dict[str, Callable[[AssignmentProblem], NDArray[np.float64]] | None] = {
    "earliest-finish": None,  # the node whose batch would end first with the request in it
    "best-channel": _radio_cost,  # the node that gives up the least bandwidth for it
    "most-room": _memory_cost,  # the node with the most memory at the epoch's start
    "first": _node_order,  # the first node, in the problem's order
}


def assign_first_fit(
    problem: AssignmentProblem, order: ArrayLike, node_rule: str = "earliest-finish", *, limit: int | None = None
) -> NDArray[np.int64]:
    """Assignment [N] int (0 none, k the k-th node) of first fit in `order`, an array of distinct request indices.

    Among the nodes whose batch stays feasible the `node_rule` of NODE_RULES picks one; `limit` caps every batch's
    size. Requests that are not in `order` are left out. Raises ValueError for an unknown rule or a faulty order.
    """
    rule = NODE_RULES[known_name("node rule", node_rule, NODE_RULES)]
    preference = np.zeros((problem.node_count, 0)) if rule is None else rule(problem)
    assignment = np.zeros(problem.request_count, np.int64)
    places = _checked_order(order, problem.request_count)
    most = problem.request_count if limit is None else limit
    _insert(_stack(problem.nodes), _empty_load(problem.nodes), places, preference, rule is None, most, assignment)
    return assignment


def first_fit(problem: BatchProblem, order: ArrayLike, *, limit: int | None = None) -> NDArray[np.bool_]:
    """The `selected` [N] bool of first fit in `order` on one node; see `assign_first_fit`."""
    return assign_first_fit(AssignmentProblem((problem,)), order, "first", limit=limit) == 1


def _stack(problems: tuple[BatchProblem, ...]) -> _Nodes:
    cost = [(p.time_s, p.shared_time_s, p.kv_bytes, p.uplink_share, p.downlink_share) for p in problems]
    room = [(np.inf, np.inf, p.memory_bytes, 1.0, 1.0) for p in problems]
    return _Nodes(np.array(cost), np.array([p.budget_s for p in problems]), np.array(room))


def _empty_load(problems: tuple[BatchProblem, ...]) -> _Load:
    end_s = np.array([problem.time_cap_s for problem in problems])
    return _Load(np.zeros((len(problems), 5)), end_s, np.zeros(len(problems), np.int64))


def _checked_order(order: ArrayLike, count: int) -> NDArray[np.int64]:
    places = np.asarray(order)
    if places.ndim != 1 or (places.size and not np.issubdtype(places.dtype, np.integer)):
        raise ValueError(f"order must be a 1-D array of request indices, got shape {places.shape} of {places.dtype}")
    if places.size and (places.min() < 0 or places.max() >= count or np.unique(places).size < places.size):
        raise ValueError(f"order must hold distinct request indices from 0 to {count - 1}, got {places}")
    return places.astype(np.int64)
