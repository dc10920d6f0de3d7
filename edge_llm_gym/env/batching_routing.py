"""Spaces, action reader and info of the environments of batching-and-routing dynamics: all four kinds of action in one."""

from typing import Any

import numpy as np
from gymnasium import spaces

from edge_llm_gym.actions import check_keys, in_unit_interval, shaped
from edge_llm_gym.arrays import Array
from edge_llm_gym.env import batching as epoch
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.exit_observation import (
    LINK_FEATURES,
    QUANTILES,
)
from edge_llm_gym.sim.pooled.observation import BUSY_CAP, COUNT_CAP, REQUEST_FEATURES
from edge_llm_gym.sim.pooled.observation import (
    ROUTING_NODE_FEATURES as NODE_FEATURES,
)
from edge_llm_gym.sim.simulator import Simulator

ACTION_KEYS = ("batch", "bandwidth", "offload", "threshold")


def action_space(scenario: Scenario) -> spaces.Dict:
    """All four kinds of action.

    batch [N] in 0..K1 and bandwidth [N, 2] are those of batching dynamics, over the K1 nodes of the first stage; offload
    [K, K], weights of the receivers of every node, and threshold [K], all in [0, 1], those of streaming dynamics.
    """
    slots, nodes, stations = scenario.slots, len(scenario.nodes), scenario.network.entry_nodes.size
    return spaces.Dict(
        {
            "bandwidth": spaces.Box(0.0, 1.0, (slots, 2), np.float32),
            "batch": spaces.MultiDiscrete(np.full(slots, stations + 1)),
            "offload": spaces.Box(0.0, 1.0, (nodes, nodes), np.float32),
            "threshold": spaces.Box(0.0, 1.0, (nodes,), np.float32),
        }
    )


def observation_space(scenario: Scenario) -> spaces.Dict:
    """Bounds of every key of the observation of one row, described in `edge_llm_gym.sim.pooled.routing_observation`."""
    slots, nodes, blocks = scenario.slots, len(scenario.nodes), len(scenario.block_layers)
    stations = scenario.network.entry_nodes.size
    node_high = np.tile(np.array([BUSY_CAP] + [1.0] * (len(NODE_FEATURES) - 1), np.float32), (nodes, 1))
    return spaces.Dict(
        {
            "requests": spaces.Box(0.0, 1.0, (slots, len(REQUEST_FEATURES)), np.float32),
            "request_mask": spaces.MultiBinary(slots),
            "spectral_efficiency": spaces.Box(0.0, 1.0, (slots, stations, 2), np.float32),
            "nodes": spaces.Box(np.zeros_like(node_high), node_high, dtype=np.float32),
            "links": spaces.Box(0.0, 1.0, (nodes, nodes, len(LINK_FEATURES)), np.float32),
            "exit_confidence": spaces.Box(0.0, 1.0, (blocks, len(QUANTILES)), np.float32),
            "arrivals": spaces.Box(0.0, COUNT_CAP, (1,), np.float32),
            "backlog": spaces.Box(0.0, COUNT_CAP, (1,), np.float32),
        }
    )


def read_action(action: Any, rows: tuple[int, ...], scenario: Scenario) -> tuple[Array, Array, Array, Array]:
    """batch [R, N] int64, bandwidth [R, N, 2] float64, offload [R, K, K] and threshold [R, K] float32 of an action.

    Its leading axes are `rows`: () or (R,). Raises ActionError for a missing or unknown key, a wrong shape or dtype,
    NaN and numbers out of their space.
    """
    check_keys(action, ACTION_KEYS)
    nodes = len(scenario.nodes)
    batch, bandwidth = epoch.read_batches(action, rows, scenario)
    offload = in_unit_interval(shaped(action["offload"], "offload", (*rows, nodes, nodes)), "offload")
    threshold = in_unit_interval(shaped(action["threshold"], "threshold", (*rows, nodes)), "threshold")
    return (
        batch,
        bandwidth,
        np.ascontiguousarray(offload, np.float32).reshape(-1, nodes, nodes),
        np.ascontiguousarray(threshold, np.float32).reshape(-1, nodes),
    )


def info(simulator: Simulator, result: Any) -> dict[str, dict[str, Array]]:
    """`slots` as in batching dynamics, and after which block (from 1) the slot's request leaves, 0 where not computed."""
    return {"slots": epoch.info(simulator, result)["slots"] | {"exit": result.slot_exit}}
