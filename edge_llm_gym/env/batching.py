"""Spaces, action reader and info of environments of batching dynamics."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces

from edge_llm_gym.actions import (
    ActionError,
    checked_entries,
    checked_shape,
    checked_unit_interval,
    dtype_name,
    greatest,
    least,
    own_copy,
)
from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel
from edge_llm_gym.env.info import Info
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.columns import DOWNLINK, UPLINK
from edge_llm_gym.sim.pooled.observation import BUSY_CAP, COUNT_CAP, NODE_FEATURES, REQUEST_FEATURES
from edge_llm_gym.sim.pooled.records import PooledResult
from edge_llm_gym.sim.simulator import Simulator

ACTION_KEYS = ("batch", "bandwidth")
_FLOATS = (np.float32, np.float64)


def action_space(scenario: Scenario) -> spaces.Dict:
    """Action space of one row.

    | key | shape | values | meaning |
    |---|---|---|---|
    | `batch` | [N] | 0..K | node of the batch that the request joins, counted from 1; 0 lets it wait |
    | `bandwidth` | [N, 2] | [0, 1] | weights of the uplink and downlink shares |

    A request gets the share weight / sum of the weights on its node; if all are 0, the shares are equal.
    """
    slots, nodes = scenario.slots, len(scenario.nodes)
    return spaces.Dict(
        {
            "bandwidth": spaces.Box(0.0, 1.0, (slots, 2), np.float32),
            "batch": spaces.MultiDiscrete(np.full(slots, nodes + 1)),
        }
    )


def observation_space(scenario: Scenario) -> spaces.Dict:
    """Observation space of one row; `edge_llm_gym.sim.pooled.observation` describes the features and their scales.

    | key | shape | meaning |
    |---|---|---|
    | `requests` | [N, REQUEST_FEATURES] | the visible requests, the earliest deadline first; 0 in empty slots |
    | `request_mask` | [N] | 1 where the slot holds a request |
    | `spectral_efficiency` | [N, K, 2] | uplink and downlink to every node, relative to the cap |
    | `nodes` | [K, NODE_FEATURES] | load and constants of the nodes |
    | `arrivals` | [1] | arrivals of the last epoch / N |
    | `backlog` | [1] | pending requests without a slot / N |
    """
    slots, nodes = scenario.slots, len(scenario.nodes)
    node_high = np.tile(np.array([BUSY_CAP] + [1.0] * (len(NODE_FEATURES) - 1), np.float32), (nodes, 1))
    return spaces.Dict(
        {
            "requests": spaces.Box(0.0, 1.0, (slots, len(REQUEST_FEATURES)), np.float32),
            "request_mask": spaces.MultiBinary(slots),
            "spectral_efficiency": spaces.Box(0.0, 1.0, (slots, nodes, 2), np.float32),
            "nodes": spaces.Box(np.zeros_like(node_high), node_high, dtype=np.float32),
            "arrivals": spaces.Box(0.0, COUNT_CAP, (1,), np.float32),
            "backlog": spaces.Box(0.0, COUNT_CAP, (1,), np.float32),
        }
    )


def read_action(action: Any, rows: tuple[int, ...], scenario: Scenario) -> tuple[Array, Array]:
    """batch [R, N] int64 and bandwidth [R, N, 2] float64 of an action with leading axes `rows`: () or (R,).

    Raises ActionError for a missing or unknown key, a wrong shape or dtype, NaN and values outside the space.
    """
    return read_batches(checked_entries(action, ACTION_KEYS), rows, scenario)


def read_batches(action: Mapping[str, Any], rows: tuple[int, ...], scenario: Scenario) -> tuple[Array, Array]:
    """batch [R, N] int64 in 0..K1, K1 being the number of entry nodes, and bandwidth [R, N, 2] float64.

    Raises ActionError as `read_action` does, but does not check the keys.
    """
    slots, nodes = scenario.slots, scenario.network.entry_nodes.size
    batch = checked_shape(action["batch"], "batch", (*rows, slots))
    bandwidth = checked_shape(action["bandwidth"], "bandwidth", (*rows, slots, 2))
    if batch.dtype != np.int64 or bandwidth.dtype not in _FLOATS:
        _check_ranges(batch, nodes, bandwidth)  # numbers of other types may come into the ranges when they are copied
    own_batch = own_copy(batch, np.int64).reshape(-1, slots)
    own_bandwidth = own_copy(bandwidth, np.float64).reshape(-1, slots, 2)
    if not _lie_in_ranges(own_batch, nodes, own_bandwidth):
        _check_ranges(batch, nodes, bandwidth)
    return own_batch, own_bandwidth


@kernel
def _lie_in_ranges(batch: Array, nodes: int, bandwidth: Array) -> bool:
    """Whether batch [R, N] is in 0..nodes and bandwidth [R, N, 2] in [0, 1]; one call instead of four reductions."""
    good = True
    for row in range(batch.shape[0]):
        for slot in range(batch.shape[1]):
            up, down = bandwidth[row, slot, UPLINK], bandwidth[row, slot, DOWNLINK]
            good &= 0 <= batch[row, slot] <= nodes
            good &= 0.0 <= up <= 1.0 and 0.0 <= down <= 1.0
    return good


def _check_ranges(batch: Array, nodes: int, bandwidth: Array) -> None:
    _check_batch(batch, nodes)
    checked_unit_interval(bandwidth, "bandwidth")


def _check_batch(batch: Array, nodes: int) -> None:
    if batch.dtype.kind not in "iu":
        raise ActionError(f"action 'batch' holds whole numbers from 0 to {nodes}, got dtype {dtype_name(batch)}")
    if batch.size and (least(batch) < 0 or greatest(batch) > nodes):
        raise ActionError(f"action 'batch' must lie in 0..{nodes}, got values from {batch.min()} to {batch.max()}")


def info(simulator: Simulator, result: PooledResult) -> Info:
    """`slots`: for each slot the index of its request on the tape (-1 for none), its outcome code and latency in s.

    Latency is 0 for a request without an answer. `expired` [N] bool marks those of the others that expired at the end
    of the epoch. With length predictions, `evicted` [N] bool says whether the request was evicted.
    """
    evicted = {} if result.slot_evicted is None else {"evicted": result.slot_evicted}
    return {
        "slots": {
            "request": result.slot_request,
            "outcome": result.slot_outcome,
            "latency_s": result.slot_latency_s,
            "expired": result.slot_expired,
        }
        | evicted
    }
