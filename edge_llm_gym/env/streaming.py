"""Spaces, action reader and info of the environments of streaming dynamics."""

from typing import Any

import numpy as np
from gymnasium import spaces

from edge_llm_gym.actions import check_keys, in_unit_interval, shaped
from edge_llm_gym.arrays import Array
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.exit_observation import (
    LINK_FEATURES,
    QUANTILES,
)
from edge_llm_gym.sim.pooled.observation import BUSY_CAP, COUNT_CAP
from edge_llm_gym.sim.simulator import Simulator
from edge_llm_gym.sim.streaming.observation import (
    NODE_FEATURES,
)
from edge_llm_gym.sim.streaming.records import StreamingResult

ACTION_KEYS = ("offload", "threshold")


def action_space(scenario: Scenario) -> spaces.Dict:
    """offload [D + K, K] weights of the receivers of every device, then of every node; threshold [K]; all in [0, 1].

    Weights count in proportion, among the links that exist; a row without any means equal shares. A request leaves at
    the first exit whose confidence reaches its node's threshold.
    """
    devices, nodes = scenario.devices.count, len(scenario.nodes)
    return spaces.Dict(
        {
            "offload": spaces.Box(0.0, 1.0, (devices + nodes, nodes), np.float32),
            "threshold": spaces.Box(0.0, 1.0, (nodes,), np.float32),
        }
    )


def observation_space(scenario: Scenario) -> spaces.Dict:
    """Bounds of every key of the observation of one row, described in `edge_llm_gym.sim.streaming.observation`."""
    devices, nodes, blocks = scenario.devices.count, len(scenario.nodes), len(scenario.block_layers)
    stations = scenario.network.entry_nodes.size
    node_high = np.ones((nodes, len(NODE_FEATURES)), np.float32)
    node_high[:, [NODE_FEATURES.index("committed"), NODE_FEATURES.index("sent")]] = BUSY_CAP, COUNT_CAP
    return spaces.Dict(
        {
            "spectral_efficiency": spaces.Box(0.0, 1.0, (devices, stations, 2), np.float32),
            "nodes": spaces.Box(np.zeros_like(node_high), node_high, dtype=np.float32),
            "links": spaces.Box(0.0, 1.0, (nodes, nodes, len(LINK_FEATURES)), np.float32),
            "exit_confidence": spaces.Box(0.0, 1.0, (blocks, len(QUANTILES)), np.float32),
            "arrivals": spaces.Box(0.0, COUNT_CAP, (devices,), np.float32),
            "backlog": spaces.Box(0.0, COUNT_CAP, (nodes,), np.float32),
        }
    )


def read_action(action: Any, rows: tuple[int, ...], scenario: Scenario) -> tuple[Array, Array]:
    """offload [R, D + K, K] and threshold [R, K], both float32, of an action whose leading axes are `rows`: () or (R,).

    Confidences are float32, so thresholds are compared as float32. Raises ActionError for a missing or unknown key, a
    wrong shape or dtype, NaN and numbers out of [0, 1].
    """
    check_keys(action, ACTION_KEYS)
    nodes, senders = len(scenario.nodes), scenario.devices.count + len(scenario.nodes)
    offload = in_unit_interval(shaped(action["offload"], "offload", (*rows, senders, nodes)), "offload")
    threshold = in_unit_interval(shaped(action["threshold"], "threshold", (*rows, nodes)), "threshold")
    return (
        np.ascontiguousarray(offload, np.float32).reshape(-1, senders, nodes),
        np.ascontiguousarray(threshold, np.float32).reshape(-1, nodes),
    )


def info(simulator: Simulator, result: StreamingResult) -> dict[str, dict[str, Array]]:
    """`nodes` tells per node how many requests the action sent there, and the share of the epoch that it computed."""
    state = simulator.state
    return {
        "nodes": {
            "sent": state.sent_last.copy(),
            "utilisation": state.servers.busy_last_s / simulator.scenario.epoch_s,
        }
    }
