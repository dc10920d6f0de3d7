"""Assignments as batching actions: the node of each request, with the minimum bandwidth shares that it needs."""

import numpy as np
from numba import njit

from edge_llm_gym.arrays import Array
from edge_llm_gym.decoding.batching import BatchingArrays
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
    """Node [R, N] in 0..K for scores [R, N, K]: pairs of a positive score join by falling score where they still fit.

    A batch stays within `time_cap_s` [R, K], every member's budget, both bands and the room; ties go to the earlier
    slot, then to the earlier node.
    """
    node = np.zeros(score.shape[:2], np.int64)
    _insert_rows(score, arrays, time_cap_s, node)
    return node


@njit(cache=True)
def _insert_rows(score, arrays, time_cap_s, node):  # type: ignore[no-untyped-def]
    nodes = score.shape[2]
    for row in range(score.shape[0]):
        used, end_s = np.zeros((nodes, 5)), time_cap_s[row].copy()
        for pair in _by_falling_score(row, score, arrays, end_s):
            slot, at = pair // nodes, pair % nodes
            if node[row, slot] == 0 and _joins(row, slot, at, arrays, used[at], end_s):
                node[row, slot] = at + 1


@njit(cache=True)
def _by_falling_score(row, score, arrays, end_s):  # type: ignore[no-untyped-def]
    """Pairs slot * K + node of a positive score; those too long even for an empty batch need no sorting."""
    slots, nodes = score.shape[1:]
    pairs, keys, count = np.empty(slots * nodes, np.int64), np.empty(slots * nodes), 0
    for slot in range(slots):
        for at in range(nodes):
            alone_s = arrays.time_s[row, slot, at] + arrays.shared_time_s[row, slot, at]
            by_s = min(end_s[at], arrays.budget_s[row, slot, at])
            if score[row, slot, at] > 0.0 and alone_s <= by_s:
                pairs[count], keys[count] = slot * nodes + at, -score[row, slot, at]
                count += 1
    return pairs[:count][np.argsort(keys[:count], kind="mergesort")]


@njit(cache=True)
def _joins(row, slot, at, arrays, used, end_s):  # type: ignore[no-untyped-def]
    """Adds a request to a node's batch if it fits. used [5]: work, shared time, KV bytes, shares up and down."""
    work_s = used[0] + arrays.time_s[row, slot, at]
    shared_s = max(used[1], arrays.shared_time_s[row, slot, at])
    kv_bytes = used[2] + arrays.kv_bytes[row, slot, at]
    up, down = used[3] + arrays.uplink_share[row, slot, at], used[4] + arrays.downlink_share[row, slot, at]
    by_s = min(end_s[at], arrays.budget_s[row, slot, at])
    if work_s + shared_s > by_s or kv_bytes > arrays.free_kv_bytes[row, at] or up > 1.0 or down > 1.0:
        return False
    used[0], used[1], used[2], used[3], used[4] = work_s, shared_s, kv_bytes, up, down
    end_s[at] = by_s
    return True
