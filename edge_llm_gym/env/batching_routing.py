"""Spaces, action reader and info of environments of batching-and-routing dynamics."""

from typing import Any

import numpy as np
from gymnasium import spaces

from edge_llm_gym.actions import checked_entries
from edge_llm_gym.arrays import Array
from edge_llm_gym.env import batching
from edge_llm_gym.env.info import Info
from edge_llm_gym.env.streaming import read_routes
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.exit_observation import LINK_FEATURES, QUANTILES
from edge_llm_gym.sim.pooled.observation import BUSY_CAP, COUNT_CAP, REQUEST_FEATURES, ROUTING_NODE_FEATURES
from edge_llm_gym.sim.simulator import Simulator

ACTION_KEYS = ("batch", "bandwidth", "offload", "threshold")


def action_space(scenario: Scenario) -> spaces.Dict:
    """Action space of one row, for K1 entry nodes and K nodes in all.

    | key | shape | values | meaning |
    |---|---|---|---|
    | `batch` | [N] | 0..K1 | entry node of the batch that the request joins, counted from 1; 0 lets it wait |
    | `bandwidth` | [N, 2] | [0, 1] | weights of the uplink and downlink shares |
    | `offload` | [K, K] | [0, 1] | weights of the next node, from row to column |
    | `threshold` | [K] | [0, 1] | confidence at which requests leave at the exits of a node |

    Weights count in proportion: bandwidth among the requests of a node, offload among the links of a node. If all are
    0, the shares are equal.
    """
    slots, nodes, entry_nodes = scenario.slots, len(scenario.nodes), scenario.network.entry_nodes.size
    return spaces.Dict(
        {
            "bandwidth": spaces.Box(0.0, 1.0, (slots, 2), np.float32),
            "batch": spaces.MultiDiscrete(np.full(slots, entry_nodes + 1)),
            "offload": spaces.Box(0.0, 1.0, (nodes, nodes), np.float32),
            "threshold": spaces.Box(0.0, 1.0, (nodes,), np.float32),
        }
    )


def observation_space(scenario: Scenario) -> spaces.Dict:
    """Observation space of one row; `edge_llm_gym.sim.pooled.observation` describes the features and their scales.

    | key | shape | meaning |
    |---|---|---|
    | `requests` | [N, REQUEST_FEATURES] | the visible requests, the earliest deadline first; 0 in empty slots |
    | `request_mask` | [N] | 1 where the slot holds a request |
    | `spectral_efficiency` | [N, K1, 2] | uplink and downlink to every entry node, relative to the cap |
    | `nodes` | [K, ROUTING_NODE_FEATURES] | load and constants of the nodes |
    | `links` | [K, K, LINK_FEATURES] | the wired links, from row to column |
    | `exit_confidence` | [E, QUANTILES] | quantiles of recent confidences at each exit; 0 where there were none |
    | `arrivals` | [1] | arrivals of the last epoch / N |
    | `backlog` | [1] | pending requests without a slot / N |
    """
    slots, nodes, blocks = scenario.slots, len(scenario.nodes), len(scenario.block_layers)
    entry_nodes = scenario.network.entry_nodes.size
    node_high = np.tile(np.array([BUSY_CAP] + [1.0] * (len(ROUTING_NODE_FEATURES) - 1), np.float32), (nodes, 1))
    return spaces.Dict(
        {
            "requests": spaces.Box(0.0, 1.0, (slots, len(REQUEST_FEATURES)), np.float32),
            "request_mask": spaces.MultiBinary(slots),
            "spectral_efficiency": spaces.Box(0.0, 1.0, (slots, entry_nodes, 2), np.float32),
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
    NaN and values outside the space.
    """
    entries = checked_entries(action, ACTION_KEYS)
    batch, bandwidth = batching.read_batches(entries, rows, scenario)
    return (batch, bandwidth, *read_routes(entries, rows, len(scenario.nodes), len(scenario.nodes)))


def info(simulator: Simulator, result: Any) -> Info:
    """`slots` as in batching dynamics, with `exit`: the block (from 1) after which the request leaves, 0 for none."""
    return {"slots": batching.info(simulator, result)["slots"] | {"exit": result.slot_exit}}
