"""Spaces of the epoch-admission environments, derived from a scenario; and the checking of actions."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces

from edge_llm_gym.names import suggestion
from edge_llm_gym.sim.observation import BUSY_CAP, COUNT_CAP, NODE_FEATURES, REQUEST_FEATURES
from edge_llm_gym.sim.scenario import Scenario
from edge_llm_gym.sim.state import Array

ACTION_KEYS = ("batch", "bandwidth")


class ActionError(ValueError):
    """A malformed action: states the rule and the value received. The environment is unchanged."""


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
    """Bounds of every key of the observation of one row."""
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
    if not isinstance(action, Mapping):
        raise ActionError(f"an action is a mapping with keys {list(ACTION_KEYS)}, got {type(action).__name__}")
    for key in action:
        if key not in ACTION_KEYS:
            raise ActionError(f"unknown action key {key!r}; {suggestion(str(key), ACTION_KEYS)}")
    for key in ACTION_KEYS:
        if key not in action:
            raise ActionError(f"the action lacks the key {key!r}; it has {sorted(action)}")
    slots, nodes = scenario.slots, len(scenario.nodes)
    batch = _shaped(action["batch"], "batch", (*rows, slots))
    bandwidth = _shaped(action["bandwidth"], "bandwidth", (*rows, slots, 2))
    return _batch(batch, nodes).reshape(-1, slots), _bandwidth(bandwidth).reshape(-1, slots, 2)


def _shaped(value: Any, key: str, shape: tuple[int, ...]) -> Array:
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ActionError(f"action {key!r} must be an array of shape {shape}: {error}") from None
    if array.shape != shape:
        raise ActionError(f"action {key!r} must have shape {shape}, got {array.shape}")
    return array


def _batch(batch: Array, nodes: int) -> Array:
    if batch.dtype.kind not in "iu":
        raise ActionError(f"action 'batch' holds whole numbers from 0 to {nodes}, got dtype {batch.dtype}")
    if batch.size and (batch.min() < 0 or batch.max() > nodes):
        raise ActionError(f"action 'batch' must lie in 0..{nodes}, got values from {batch.min()} to {batch.max()}")
    return np.ascontiguousarray(batch, np.int64)


def _bandwidth(bandwidth: Array) -> Array:
    if bandwidth.dtype.kind not in "fiu":
        raise ActionError(f"action 'bandwidth' holds numbers from 0 to 1, got dtype {bandwidth.dtype}")
    low, high = bandwidth.min(), bandwidth.max()
    if not (low >= 0.0 and high <= 1.0):  # NaN fails both
        raise ActionError(f"action 'bandwidth' must lie in [0, 1], got values from {low} to {high}")
    return np.ascontiguousarray(bandwidth, np.float64)
