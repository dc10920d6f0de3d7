"""Token features of streaming dynamics: devices and sending nodes are items, a pair is a link to a receiving node."""

from collections.abc import Mapping

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.decoding.pair_features import FEATURE_BOUND
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.exit_observation import LINK_FEATURES, QUANTILES
from edge_llm_gym.sim.streaming.observation import NODE_FEATURES

LINK_COLUMNS = (
    "prior",  # log2 of the receiver's service rate over that of the slowest node
    "uplink",  # spectral efficiency of a radio link, 0 for wires
    "downlink",
    "rate",  # of a wire, 0 for radio
    "latency",
    "committed",  # time that is committed at the receiver, in epochs
)
SENDER_COLUMNS = ("is_device", "arrivals", "backlog", *(f"node_{name}" for name in NODE_FEATURES))
RATE_SCALE = 10.0
"""Rates are observed over 1e11 bit/s and are about 1e10 bit/s."""
LATENCY_SCALE = 20.0
"""Latencies are observed in seconds and are about 0.01 s."""
MIN_SERVICE = 1e-3
_NODE = {name: column for column, name in enumerate(NODE_FEATURES)}
_LINK = {name: column for column, name in enumerate(LINK_COLUMNS)}
_SENDER = {name: column for column, name in enumerate(SENDER_COLUMNS)}
_RADIO = slice(_LINK["uplink"], _LINK["downlink"] + 1)


class StreamFeatures:
    """Reads observations of one scenario of streaming dynamics; keys and shapes as in `features.tokens`."""

    def __init__(self, scenario: Scenario) -> None:
        network = scenario.network
        self._entries = network.entry_nodes
        self._devices, self._nodes = scenario.devices.count, len(scenario.nodes)
        self._mask = self._link_mask(network.has_link)
        senders = self._devices + self._nodes
        self.shapes = {
            "item": (senders, len(SENDER_COLUMNS)),
            "item_mask": (senders,),
            "node": (self._nodes, len(NODE_FEATURES) + 1),
            "pair": (senders, self._nodes, len(LINK_COLUMNS)),
            "pair_mask": (senders, self._nodes),
            "context": (len(scenario.block_layers) * len(QUANTILES) + 1,),
        }

    def _link_mask(self, has_link: Array) -> Array:
        """[D + K, K] float32, 1 where a sender has a link to a node."""
        mask = np.zeros((self._devices + self._nodes, self._nodes), np.float32)
        mask[: self._devices, self._entries] = 1.0
        mask[self._devices :] = has_link
        return mask

    def read(self, observation: Mapping[str, Array]) -> dict[str, Array]:
        """The arrays of R observations, each with a leading axis of R rows."""
        rows = len(observation["nodes"])
        nodes = np.minimum(observation["nodes"], FEATURE_BOUND)
        backlog = np.minimum(observation["backlog"], FEATURE_BOUND)[..., None]
        confidence = observation["exit_confidence"].reshape(rows, -1)
        arrivals = np.minimum(observation["arrivals"], FEATURE_BOUND)
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
        items[:, : self._devices, _SENDER["is_device"]] = 1.0
        items[:, : self._devices, _SENDER["arrivals"]] = arrivals
        items[:, self._devices :, _SENDER["backlog"]] = backlog[..., 0]
        items[:, self._devices :, -len(NODE_FEATURES) :] = nodes
        return items

    def _pairs(self, observation: Mapping[str, Array]) -> Array:
        pairs = np.zeros((len(observation["nodes"]), *self.shapes["pair"]), np.float32)
        nodes, devices = observation["nodes"], self._devices
        radio = pairs[:, :devices]
        radio[:, :, self._entries, _RADIO] = observation["spectral_efficiency"]
        wire, links = pairs[:, devices:], observation["links"]
        wire[..., _LINK["rate"]] = links[..., LINK_FEATURES.index("rate")] * RATE_SCALE
        wire[..., _LINK["latency"]] = links[..., LINK_FEATURES.index("latency")] * LATENCY_SCALE
        service = np.maximum(nodes[..., _NODE["service"]], MIN_SERVICE)
        pairs[..., _LINK["prior"]] = -np.log2(service)[:, None]
        pairs[..., _LINK["committed"]] = np.minimum(nodes[..., _NODE["committed"]], FEATURE_BOUND)[:, None]
        return np.clip(pairs, -FEATURE_BOUND, FEATURE_BOUND)
