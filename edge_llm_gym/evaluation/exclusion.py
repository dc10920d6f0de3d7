"""Resources that exclude requests from the batches of nodes: the limits that a request would exceed by joining."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.decoding.batching import BatchingArrays, BatchingReader, batch_limits_s
from edge_llm_gym.decoding.continuous import ContinuousReader
from edge_llm_gym.problems.feasibility import within_limit
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.pooled.observation import QUALITY_DEMAND

RESOURCES: Final = ("time", "memory", "uplink", "downlink", "quality")
"""What limits a batch of a node. Time: the deadlines of all its requests; quality: that of the node's answers."""
TIME, QUALITY = RESOURCES.index("time"), RESOURCES.index("quality")
READ: Final = ("requests", "request_mask", "spectral_efficiency", "nodes")
"""Keys of the observation that tell what a request would exceed."""
NO_DEMAND: Final = -1.0
"""A quality demand that every node meets."""


def limit_reader(scenario: Scenario) -> BatchingReader:
    """The reader of the limits of entry nodes, for any pooled dynamics and any number of stages."""
    return ContinuousReader(scenario) if scenario.variant == "continuous_batching" else BatchingReader(scenario)


def exclusions(reader: BatchingReader, observation: Mapping[str, Array], admitted: Array) -> Array:
    """[R, N, K, 5] bool, for R epochs: the RESOURCES of a node that the request of each slot would exceed.

    That is, if it joined the batch that the node computes of the requests admitted [R, N] int: 0 for none, k for the
    k-th of the K entry nodes. Limits of deeper nodes do not count. A node of too low quality is no reason for a lack of
    time. Undefined in empty slots and for admitted requests.
    """
    requests = np.array(observation["requests"], np.float64)
    quality_demand = requests[..., QUALITY_DEMAND].copy()
    requests[..., QUALITY_DEMAND] = NO_DEMAND
    rows = reader.read_rows({**observation, "requests": requests})
    limits_s = batch_limits_s(reader.scenario, rows, np.inf)
    return np.concatenate(
        [exceeded_by_joining(rows, limits_s, admitted), ~reader.has_quality(quality_demand)[..., None]], axis=-1
    )


def exceeded_by_joining(rows: BatchingArrays, limits_s: Array, admitted: Array) -> Array:
    """[R, N, K, 4] bool: the limits of time, memory, uplink and downlink that requests exceed by joining a batch.

    limits_s [R, K] is the longest batch of a node whatever its requests, admitted [R, N] as for `exclusions`.
    """
    member = admitted[..., None] == np.arange(1, limits_s.shape[1] + 1)
    shared_s = np.maximum(_largest(member, rows.shared_time_s), rows.shared_time_s)
    tightest_s = np.minimum(-_largest(member, -rows.budget_s, -np.inf), limits_s[:, None])
    pairs = (
        (_joined(member, rows.time_s) + shared_s, np.minimum(tightest_s, rows.budget_s)),
        (_joined(member, rows.kv_bytes), rows.free_kv_bytes[:, None]),
        (_joined(member, rows.uplink_share), 1.0),
        (_joined(member, rows.downlink_share), 1.0),
    )
    return ~np.stack([within_limit(used, limit) for used, limit in pairs], axis=-1)


def _joined(member: Array, cost: Array) -> Array:
    """[R, N, K] what a batch uses with the request of a slot in it: the sum over its members, and the request."""
    return np.where(member, cost, 0.0).sum(axis=1, keepdims=True) + cost


def _largest(member: Array, cost: Array, least: float = 0.0) -> Array:
    """[R, 1, K] greatest cost of the members of a batch, `least` without any."""
    return np.where(member, cost, least).max(axis=1, keepdims=True)


def cause_shares(excluded: Array) -> Array:
    """[..., 5] share of each resource in keeping a request out of all K nodes, for its exclusions [..., K, 5].

    The nodes that come closest count, those of which a request would exceed the fewest limits: equal parts for these
    nodes, and equal parts for the limits of each. All shares are 0 where a node has room.
    """
    count = excluded.sum(axis=-1)
    closest = count == count.min(axis=-1, keepdims=True)
    parts = excluded / np.maximum(count, 1)[..., None]
    total: Array = np.where(closest[..., None], parts, 0.0).sum(axis=-2)
    return total / closest.sum(axis=-1)[..., None]
