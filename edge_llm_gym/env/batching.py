"""Spaces, action reader and info of the environments of batching dynamics."""

from typing import Any

import numpy as np
from gymnasium import spaces

from edge_llm_gym.actions import ActionError, check_keys, in_unit_interval, shaped
from edge_llm_gym.arrays import Array
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.pooled.observation import BUSY_CAP, COUNT_CAP, NODE_FEATURES, REQUEST_FEATURES
from edge_llm_gym.sim.pooled.records import PooledResult
from edge_llm_gym.sim.simulator import Simulator

ACTION_KEYS = ("batch", "bandwidth")


def action_space(scenario: Scenario) -> spaces.Dict:
    """batch [N] in 0..K (0 waits, k joins the k-th node's batch); bandwidth [N, 2] weights up and down in [0, 1]."""
    slots, nodes = scenario.slots, len(scenario.nodes)
    return spaces.Dict(
        {
            "bandwidth": spaces.Box(0.0, 1.0, (slots, 2), np.float32),
            "batch": spaces.MultiDiscrete(np.full(slots, nodes + 1)),
        }
    )


def observation_space(scenario: Scenario) -> spaces.Dict:
    """Bounds of every key of the observation of one row; keys are described in `edge_llm_gym.sim.pooled.observation`."""
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
    """batch [R, N] int64 and bandwidth [R, N, 2] float64 of an action whose leading axes are `rows`: () or (R,).

    Raises ActionError for a missing or unknown key, a wrong shape or dtype, NaN and numbers out of their space.
    """
    check_keys(action, ACTION_KEYS)
    return read_batches(action, rows, scenario)


def read_batches(action: Any, rows: tuple[int, ...], scenario: Scenario) -> tuple[Array, Array]:
    """batch [R, N] int64 in 0..K1, K1 being the nodes of the first stage, and bandwidth [R, N, 2] float64.

    Raises ActionError as `read_action` does, but for keys.
    """
    slots, nodes = scenario.slots, scenario.network.entry_nodes.size
    batch = _batch(shaped(action["batch"], "batch", (*rows, slots)), nodes)
    bandwidth = in_unit_interval(shaped(action["bandwidth"], "bandwidth", (*rows, slots, 2)), "bandwidth")
    return batch.reshape(-1, slots), np.ascontiguousarray(bandwidth, np.float64).reshape(-1, slots, 2)


def _batch(batch: Array, nodes: int) -> Array:
    if batch.dtype.kind not in "iu":
        raise ActionError(f"action 'batch' holds whole numbers from 0 to {nodes}, got dtype {batch.dtype}")
    if batch.size and (batch.min() < 0 or batch.max() > nodes):
        raise ActionError(f"action 'batch' must lie in 0..{nodes}, got values from {batch.min()} to {batch.max()}")
    return np.ascontiguousarray(batch, np.int64)


def info(simulator: Simulator, result: PooledResult) -> dict[str, dict[str, Array]]:
    """`slots` tells per slot the request (index on the tape), its outcome code and its latency in s."""
    return {
        "slots": {
            "request": result.slot_request,
            "outcome": result.slot_outcome,
            "latency_s": result.slot_latency_s,
        }
    }
