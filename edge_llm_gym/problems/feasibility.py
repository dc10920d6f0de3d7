"""Batch feasibility: the resources of a batch, the tolerance of their limits, and the insertion of one request.

A batch under construction is a vector ``used`` [5] with one entry per :class:`Resource`: the sum over its requests, for
``SHARED_TIME`` the maximum. A request adds ``cost`` [5], a node offers ``capacity`` [5]. The two times have one common
limit, a scalar that depends on the budgets of the requests, so their capacities are not read.
"""

from enum import IntEnum
from typing import Any

import numpy as np
from numba.extending import register_jitable

from edge_llm_gym.compiled import kernel, njit
from edge_llm_gym.problems.arrays import Flags, Floats

RELATIVE_TOLERANCE = 1e-9
"""A sum keeps a limit if it is at most ``limit * (1 + RELATIVE_TOLERANCE)``: rounding must not reject an exact fit."""


class Resource(IntEnum):
    """Columns of ``used``, ``cost`` and ``capacity`` [5]."""

    TIME = 0
    """Seconds that each request adds to the batch (w)."""
    SHARED_TIME = 1
    """Seconds that the batch spends once, for its longest request (v)."""
    KV = 2
    """Bytes of KV cache."""
    UPLINK = 3
    """Share of the uplink band."""
    DOWNLINK = 4
    """Share of the downlink band."""


RESOURCE_COUNT = len(Resource)
COST_FIELDS = ("time_s", "shared_time_s", "kv_bytes", "uplink_share", "downlink_share")
"""Names of the costs in records of problems, in the order of Resource."""
ADDITIVE = (Resource.TIME, Resource.KV, Resource.UPLINK, Resource.DOWNLINK)
"""Resources of which a batch uses the sum over its requests."""
BOUNDED = (Resource.KV, Resource.UPLINK, Resource.DOWNLINK)
"""Resources with a capacity of their own; the columns of an array ``usage`` [n, 3] of shares of these capacities."""
KV_USAGE = BOUNDED.index(Resource.KV)
"""Column of the KV cache in such an array."""


@register_jitable
def within_limit(used: Any, limit: Any, tolerance: float = RELATIVE_TOLERANCE) -> Any:
    """Whether an amount, or each of an array of amounts, keeps its limit up to the relative ``tolerance``."""
    return used <= limit * (1.0 + tolerance)


@kernel
def batch_time_with(used: Floats, cost: Floats) -> float:
    """Seconds that the batch ``used`` [5] takes with a request of ``cost`` [5] in it."""
    shared_s = max(used[Resource.SHARED_TIME], cost[Resource.SHARED_TIME])
    return used[Resource.TIME] + cost[Resource.TIME] + shared_s


@kernel
def fits(used: Floats, cost: Floats, capacity: Floats, time_limit_s: float, tolerance: float) -> bool:
    """Whether the batch ``used`` [5] stays feasible with a request of ``cost`` [5].

    ``time_limit_s`` is the tightest limit of the batch and of the request. With a ``tolerance`` of 0 every limit is
    exact.
    """
    for resource in BOUNDED:
        if not within_limit(used[resource] + cost[resource], capacity[resource], tolerance):
            return False
    return within_limit(batch_time_with(used, cost), time_limit_s, tolerance)


@kernel
def add(used: Floats, cost: Floats) -> None:
    """Add a request of ``cost`` [5] to the batch ``used`` [5], in place."""
    for resource in ADDITIVE:
        used[resource] += cost[resource]
    used[Resource.SHARED_TIME] = max(used[Resource.SHARED_TIME], cost[Resource.SHARED_TIME])


@njit(cache=True)
def fitting_nodes(used: Floats, cost: Floats, capacity: Floats, time_limit_s: Floats, tolerance: float) -> Flags:
    """[K] whether a request of ``cost`` [K, 5] fits into each node's batch; see :func:`fits`."""
    fitting = np.empty(time_limit_s.size, np.bool_)
    for node in range(time_limit_s.size):
        fitting[node] = fits(used[node], cost[node], capacity[node], time_limit_s[node], tolerance)
    return fitting
