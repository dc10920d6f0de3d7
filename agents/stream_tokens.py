"""Streaming dynamics as sets: devices and nodes that send are items, and a pair is a link to a node that receives."""

from collections.abc import Mapping

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.exit_observation import (
    LINK_FEATURES,
    QUANTILES,
)
from edge_llm_gym.sim.streaming.observation import (
    NODE_FEATURES,
)

PAIR_FEATURES = (
    "prior",  # rule of thumb: log of the sample_next_node's share of its stage's capacity
    "uplink",  # spectral efficiency of a radio link, 0 for wires
    "downlink",
    "rate",  # of a wire, 0 for radio
    "latency",
    "committed",  # time to come that is claimed at the sample_next_node, in epochs
)
RATE_SCALE = 10.0  # links come scaled to 1e11 bit/s, and are some 1e10
LATENCY_SCALE = 20.0  # and to 1 s, and take some 0.01 s
BIG = 4.0
ITEM_FEATURES = 3 + len(NODE_FEATURES)  # is a device, arrivals, backlog, and the node's own
_NODE = {name: column for column, name in enumerate(NODE_FEATURES)}


class StreamTokens:
    """Reads observations of one scenario of streaming dynamics; shapes and keys as in `agents.tokens`."""

    def __init__(self, scenario: Scenario) -> None:
        network = scenario.network
        self._entries = network.entry_nodes
        self._devices, self._nodes = scenario.devices.count, len(scenario.nodes)
        self._mask = self._link_mask(network.has_link)
        senders = self._devices + self._nodes
        self.shapes = {
            "item": (senders, ITEM_FEATURES),
            "item_mask": (senders,),
            "node": (self._nodes, len(NODE_FEATURES) + 1),
            "pair": (senders, self._nodes, len(PAIR_FEATURES)),
            "pair_mask": (senders, self._nodes),
            "context": (len(scenario.block_layers) * len(QUANTILES) + 1,),
        }

    def _link_mask(self, has_link: Array) -> Array:
        """[D + K, K], which sender reaches which node."""
        mask = np.zeros((self._devices + self._nodes, self._nodes), np.float32)
        mask[: self._devices, self._entries] = 1.0
        mask[self._devices :] = has_link
        return mask

    def read(self, observation: Mapping[str, Array]) -> dict[str, Array]:
        """The sets of R observations."""
        rows = len(observation["nodes"])
        nodes = np.minimum(observation["nodes"], BIG)
        backlog = np.minimum(observation["backlog"], BIG)[..., None]
        confidence = observation["exit_confidence"].reshape(rows, -1)
        arrivals = np.minimum(observation["arrivals"], BIG)
        mask = np.broadcast_to(self._mask, (rows, *self._mask.shape))
        return {
            "item": self._items(nodes, backlog, arrivals),
            "item_mask": mask.max(axis=2),
            "node": np.concatenate([nodes, backlog], axis=2),
            "pair": self._pairs(observation) * mask[..., None],
            "pair_mask": mask,
            "context": np.concatenate([confidence, arrivals.mean(axis=1, keepdims=True)], axis=1),
        }

    def _items(self, nodes: Array, backlog: Array, arrivals: Array) -> Array:
        items = np.zeros((len(nodes), *self.shapes["item"]), np.float32)
        items[:, : self._devices, 0] = 1.0
        items[:, : self._devices, 1] = arrivals
        items[:, self._devices :, 2:3] = backlog
        items[:, self._devices :, 3:] = nodes
        return items

    def _pairs(self, observation: Mapping[str, Array]) -> Array:
        pairs = np.zeros((len(observation["nodes"]), *self.shapes["pair"]), np.float32)
        nodes, devices = observation["nodes"], self._devices
        radio = pairs[:, :devices]
        radio[:, :, self._entries, 1:3] = observation["spectral_efficiency"]
        wire, links = pairs[:, devices:], observation["links"]
        wire[..., 3] = links[..., LINK_FEATURES.index("rate")] * RATE_SCALE
        wire[..., 4] = links[..., LINK_FEATURES.index("latency")] * LATENCY_SCALE
        pairs[..., 0] = -np.log2(np.maximum(nodes[..., _NODE["service"]], 1e-3))[:, None]
        pairs[..., 5] = np.minimum(nodes[..., _NODE["committed"]], BIG)[:, None]
        return np.clip(pairs, -BIG, BIG)
