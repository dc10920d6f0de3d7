"""Assignments as batching actions: the node of each request, with the least bandwidth shares that it needs."""

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel, njit
from edge_llm_gym.decoding.batching import BatchingArrays
from edge_llm_gym.problems.arrays import Floats, Ints
from edge_llm_gym.problems.feasibility import RESOURCE_COUNT, Resource, add, fits
from edge_llm_gym.sim.columns import DOWNLINK, UPLINK


def with_least_shares(node: Array, arrays: BatchingArrays) -> dict[str, Array]:
    """The action that puts slots on nodes, node [R, N] in 0..K, with bandwidth weights at the minimum shares."""
    chosen = np.maximum(node - 1, 0)[..., None]
    bandwidth = np.empty((*node.shape, 2), np.float32)
    for way, shares in ((UPLINK, arrays.uplink_share), (DOWNLINK, arrays.downlink_share)):
        share = np.take_along_axis(shares, chosen, axis=2)[..., 0]
        bandwidth[..., way] = np.where(node > 0, np.minimum(share, 1.0), 0.0)
    return {"batch": node, "bandwidth": bandwidth}


def insert_by_score(score: Array, arrays: BatchingArrays, time_cap_s: Array) -> Array:
    """Node [R, N] in 0..K for scores [R, N, K]: greedy insertion of the pairs of a positive score by falling score.

    A batch stays within `time_cap_s` [R, K], the budgets of its requests, both bands and the free KV memory, without
    tolerance. Ties go to the earlier slot, then to the earlier node.
    """
    node = np.zeros(score.shape[:2], np.int64)
    _insert_rows(score, arrays, time_cap_s, node)
    return node


@njit(cache=True)
def _insert_rows(score: Floats, arrays: BatchingArrays, time_cap_s: Floats, node: Ints) -> None:
    nodes = score.shape[2]
    cost, capacity = np.empty(RESOURCE_COUNT), np.ones((nodes, RESOURCE_COUNT))
    for row in range(score.shape[0]):
        used, limit_s = np.zeros((nodes, RESOURCE_COUNT)), time_cap_s[row].copy()
        capacity[:, Resource.KV] = arrays.free_kv_bytes[row]
        for pair in _by_falling_score(row, score, arrays, limit_s):
            slot, index = pair // nodes, pair % nodes
            if node[row, slot] != 0:
                continue
            _read_cost(row, slot, index, arrays, cost)
            pair_limit_s = min(limit_s[index], arrays.budget_s[row, slot, index])
            if fits(used[index], cost, capacity[index], pair_limit_s, 0.0):
                add(used[index], cost)
                limit_s[index], node[row, slot] = pair_limit_s, index + 1


@njit(cache=True)
def _by_falling_score(row: int, score: Floats, arrays: BatchingArrays, limit_s: Floats) -> Ints:
    """Pairs slot * K + node of a positive score, without those too long even for an empty batch."""
    slots, nodes = score.shape[1:]
    pairs, keys, count = np.empty(slots * nodes, np.int64), np.empty(slots * nodes), 0
    for slot in range(slots):
        for index in range(nodes):
            alone_s = arrays.time_s[row, slot, index] + arrays.shared_time_s[row, slot, index]
            pair_limit_s = min(limit_s[index], arrays.budget_s[row, slot, index])
            if score[row, slot, index] > 0.0 and alone_s <= pair_limit_s:
                pairs[count], keys[count] = slot * nodes + index, -score[row, slot, index]
                count += 1
    return pairs[:count][np.argsort(keys[:count], kind="mergesort")]


@kernel
def _read_cost(row: int, slot: int, index: int, arrays: BatchingArrays, cost: Floats) -> None:
    """Write the cost [5] of a request on a node, by Resource."""
    cost[Resource.TIME] = arrays.time_s[row, slot, index]
    cost[Resource.SHARED_TIME] = arrays.shared_time_s[row, slot, index]
    cost[Resource.KV] = arrays.kv_bytes[row, slot, index]
    cost[Resource.UPLINK] = arrays.uplink_share[row, slot, index]
    cost[Resource.DOWNLINK] = arrays.downlink_share[row, slot, index]
