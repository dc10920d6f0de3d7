"""Observation space and info of environments with continuous batching; actions are those of batching dynamics."""

import numpy as np
from gymnasium import spaces

from edge_llm_gym.env import batching
from edge_llm_gym.env.info import Info
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.columns import KV
from edge_llm_gym.sim.pooled.observation import BUSY_CAP, CONTINUOUS_NODE_FEATURES, COUNT_CAP
from edge_llm_gym.sim.pooled.records import PooledResult
from edge_llm_gym.sim.request_costs import KV_TOKENS
from edge_llm_gym.sim.simulator import Simulator

HIGHEST = {"time_until_free": BUSY_CAP, "remaining_work": BUSY_CAP, "sequences": COUNT_CAP}
"""Node feature -> its greatest value, if that is not 1."""


def observation_space(scenario: Scenario) -> spaces.Dict:
    """Observation space of one row; `edge_llm_gym.sim.pooled.observation` describes the features and their scales.

    | key | shape | meaning |
    |---|---|---|
    | `requests` | [N, REQUEST_FEATURES] | the visible requests, the earliest deadline first; 0 in empty slots |
    | `request_mask` | [N] | 1 where the slot holds a request |
    | `spectral_efficiency` | [N, K, 2] | uplink and downlink to every node, relative to the cap |
    | `nodes` | [K, CONTINUOUS_NODE_FEATURES] | load and constants of the nodes |
    | `arrivals` | [1] | arrivals of the last epoch / N |
    | `backlog` | [1] | pending requests without a slot / N |
    """
    space = batching.observation_space(scenario)
    high = [HIGHEST.get(name, 1.0) for name in CONTINUOUS_NODE_FEATURES]
    node_high = np.tile(np.array(high, np.float32), (len(scenario.nodes), 1))
    nodes = spaces.Box(np.zeros_like(node_high), node_high, dtype=np.float32)
    return spaces.Dict({**space.spaces, "nodes": nodes})


def info(simulator: Simulator, result: PooledResult) -> Info:
    """`slots` as in batching dynamics, where an admitted request runs if its last token was not computed in the epoch.

    `nodes`: for each node the number of sequences, those that wait for their prefill included, and the share of the
    memory beside the weights that they have reserved.
    """
    nodes, parameters = simulator.state.nodes, simulator.parameters
    token_bytes = parameters.cost_coefficients[parameters.network.first_hosted, KV_TOKENS, KV]
    return batching.info(simulator, result) | {
        "nodes": {
            "running": nodes.running + nodes.admitted - nodes.prefilled,
            "reserved": nodes.reserved_tokens * token_bytes / parameters.kv_capacity_bytes,
        }
    }
