"""Spaces, action reader and info of environments of streaming dynamics."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces

from edge_llm_gym.actions import checked_entries, checked_shape, checked_unit_interval, own_copy
from edge_llm_gym.arrays import Array
from edge_llm_gym.env.info import Info
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.exit_observation import LINK_FEATURES, QUANTILES
from edge_llm_gym.sim.pooled.observation import BUSY_CAP, COUNT_CAP
from edge_llm_gym.sim.simulator import Simulator
from edge_llm_gym.sim.streaming.observation import NODE_FEATURES
from edge_llm_gym.sim.streaming.records import StreamingResult

ACTION_KEYS = ("offload", "threshold")


def action_space(scenario: Scenario) -> spaces.Dict:
    """Action space of one row.

    | key | shape | values | meaning |
    |---|---|---|---|
    | `offload` | [D + K, K] | [0, 1] | weights of the next node: rows of the devices, then rows of the nodes |
    | `threshold` | [K] | [0, 1] | confidence at which requests leave at the exits of a node |

    Weights count in proportion, among the existing links of a row; if all are 0, the shares are equal. A request leaves
    at the first exit at which its confidence reaches the threshold of the node.
    """
    devices, nodes = scenario.devices.count, len(scenario.nodes)
    return spaces.Dict(
        {
            "offload": spaces.Box(0.0, 1.0, (devices + nodes, nodes), np.float32),
            "threshold": spaces.Box(0.0, 1.0, (nodes,), np.float32),
        }
    )


def observation_space(scenario: Scenario) -> spaces.Dict:
    """Observation space of one row; `edge_llm_gym.sim.streaming.observation` describes the features and their scales.

    | key | shape | meaning |
    |---|---|---|
    | `spectral_efficiency` | [D, K1, 2] | uplink and downlink to every entry node, relative to the cap |
    | `nodes` | [K, NODE_FEATURES] | load and constants of the nodes |
    | `links` | [K, K, LINK_FEATURES] | the wired links, from row to column |
    | `exit_confidence` | [E, QUANTILES] | quantiles of recent confidences at each exit; 0 where there were none |
    | `arrivals` | [D] | arrivals of the last epoch / mean arrivals of a device per epoch |
    | `backlog` | [K] | unfinished requests in the network that the node will compute / mean arrivals per epoch |
    """
    devices, nodes, blocks = scenario.devices.count, len(scenario.nodes), len(scenario.block_layers)
    node_high = np.ones((nodes, len(NODE_FEATURES)), np.float32)
    node_high[:, [NODE_FEATURES.index("committed"), NODE_FEATURES.index("sent")]] = BUSY_CAP, COUNT_CAP
    return spaces.Dict(
        {
            "spectral_efficiency": spaces.Box(0.0, 1.0, (devices, scenario.network.entry_nodes.size, 2), np.float32),
            "nodes": spaces.Box(np.zeros_like(node_high), node_high, dtype=np.float32),
            "links": spaces.Box(0.0, 1.0, (nodes, nodes, len(LINK_FEATURES)), np.float32),
            "exit_confidence": spaces.Box(0.0, 1.0, (blocks, len(QUANTILES)), np.float32),
            "arrivals": spaces.Box(0.0, COUNT_CAP, (devices,), np.float32),
            "backlog": spaces.Box(0.0, COUNT_CAP, (nodes,), np.float32),
        }
    )


def read_action(action: Any, rows: tuple[int, ...], scenario: Scenario) -> tuple[Array, Array]:
    """offload [R, D + K, K] and threshold [R, K], both float32, of an action with leading axes `rows`: () or (R,).

    Raises ActionError for a missing or unknown key, a wrong shape or dtype, NaN and values outside [0, 1].
    """
    entries = checked_entries(action, ACTION_KEYS)
    nodes = len(scenario.nodes)
    return read_routes(entries, rows, scenario.devices.count + nodes, nodes)


def read_routes(action: Mapping[str, Any], rows: tuple[int, ...], senders: int, nodes: int) -> tuple[Array, Array]:
    """offload [R, senders, K] and threshold [R, K], both float32: confidences are compared as float32.

    Raises ActionError as `read_action` does, but does not check the keys.
    """
    offload = checked_unit_interval(checked_shape(action["offload"], "offload", (*rows, senders, nodes)), "offload")
    threshold = checked_unit_interval(checked_shape(action["threshold"], "threshold", (*rows, nodes)), "threshold")
    return (
        own_copy(offload, np.float32).reshape(-1, senders, nodes),
        own_copy(threshold, np.float32).reshape(-1, nodes),
    )


def info(simulator: Simulator, result: StreamingResult) -> Info:
    """`nodes`: for each node the number of requests sent to it in this epoch, and the busy share of the epoch."""
    state = simulator.state
    return {
        "nodes": {
            "sent": state.sent_last.copy(),
            "utilisation": state.servers.busy_last_s / simulator.scenario.epoch_s,
        }
    }
