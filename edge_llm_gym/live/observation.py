"""The observation of an environment from plain records, in the scales of `edge_llm_gym.sim.pooled.observation`."""

from collections.abc import Mapping, Sequence

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.live.records import LiveError, NodeState, Request
from edge_llm_gym.names import suggestion
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.columns import DOWNLINK, UPLINK
from edge_llm_gym.sim.exit_observation import QUANTILES, link_features
from edge_llm_gym.sim.node_costs import node_costs
from edge_llm_gym.sim.pooled.observation import (
    BUSY_CAP,
    CONTINUOUS_NODE_FEATURES,
    COUNT_CAP,
    FIRST_CONSTANT,
    NODE_FEATURES,
    REQUEST_FEATURES,
    ROUTING_NODE_FEATURES,
    observation_scales,
)

IDLE = NodeState()
NODE_FEATURES_OF: Mapping[str, tuple[str, ...]] = {
    "batching": NODE_FEATURES,
    "continuous_batching": CONTINUOUS_NODE_FEATURES,
    "batching_routing": ROUTING_NODE_FEATURES,
}
"""Variant of the dynamics -> features of a node. Streaming dynamics, which has no queue, is not among them."""


class LiveObservation:
    """Writes observations of one scenario.

    Raises LiveError for a scenario without a queue.
    """

    def __init__(self, scenario: Scenario) -> None:
        if scenario.variant not in NODE_FEATURES_OF:
            raise LiveError(
                f"live scheduling admits requests from a queue, and dynamics {scenario.dynamics!r} has none; use a "
                f"scenario with dynamics: batching or batching_routing"
            )
        self.scenario, self._scales = scenario, observation_scales(scenario)
        self._names = [node.name for node in scenario.nodes]
        self._entry = [self._names[index] for index in scenario.network.entry_nodes]
        self._capacity = {
            node.name: costs.kv_capacity_bytes for node, costs in zip(scenario.nodes, node_costs(scenario), strict=True)
        }
        self._columns = NODE_FEATURES_OF[scenario.variant]

    def write(
        self,
        shown: Sequence[Request],
        nodes: Mapping[str, NodeState],
        arrived: int,
        hidden: int,
        confidences: Sequence[Sequence[float]],
    ) -> dict[str, Array]:
        """The observation of one row: `shown` fills the first slots, `hidden` requests have none.

        `arrived` requests came in the last epoch; `confidences` holds those seen lately at each exit.
        """
        slots = self.scenario.slots
        observation = {
            "requests": self._requests(shown),
            "request_mask": (np.arange(slots) < len(shown)).astype(np.int8),
            "spectral_efficiency": self._efficiencies(shown),
            "nodes": self._nodes(nodes),
            "arrivals": np.array([min(arrived / slots, COUNT_CAP)], np.float32),
            "backlog": np.array([min(hidden / slots, COUNT_CAP)], np.float32),
        }
        if self.scenario.exits is None:
            return observation
        links = link_features(self.scenario.network)
        return observation | {"links": links, "exit_confidence": self._confidences(confidences)}

    def _requests(self, shown: Sequence[Request]) -> Array:
        features = np.zeros((self.scenario.slots, len(REQUEST_FEATURES)), np.float32)
        for slot, request in enumerate(shown):
            features[slot] = [self._scaled(request, name) for name in REQUEST_FEATURES]
        return features

    def _scaled(self, request: Request, feature: str) -> float:
        value, largest = self._request_quantities(request)[feature]
        if not 0.0 <= value <= largest:
            raise LiveError(
                f"request {request.id!r}: {feature} must lie between 0 and {largest:g}, the most that scenario "
                f"{self.scenario.name!r} allows, got {value:g}; widen the scenario's limits or correct the request"
            )
        return value / largest if largest else 0.0

    def _request_quantities(self, request: Request) -> dict[str, tuple[float, float]]:
        """Feature -> value and its scale, which is also its largest value."""
        scales, bits_per_token = self._scales, self.scenario.requests.bits_per_token
        up = request.prompt_tokens * bits_per_token if request.uplink_bits is None else request.uplink_bits
        down = request.output_tokens * bits_per_token if request.downlink_bits is None else request.downlink_bits
        return {
            "prompt_tokens": (request.prompt_tokens, scales.prompt_tokens),
            "output_tokens": (request.output_tokens, scales.output_tokens),
            "uplink_bits": (up, scales.uplink_bits),
            "downlink_bits": (down, scales.downlink_bits),
            "waiting_time": (min(request.waited_s, scales.budget_s), scales.budget_s),
            "time_left": (max(request.time_left_s, 0.0), scales.budget_s),
            "quality_demand": (request.quality_demand, 1.0),
            "value": (request.value, scales.value),
        }

    def _efficiencies(self, shown: Sequence[Request]) -> Array:
        """[N, K1, 2] float32, clipped at the cap; 0 where a request cannot reach a node."""
        found = np.zeros((self.scenario.slots, len(self._entry), 2), np.float32)
        for slot, request in enumerate(shown):
            for name, pair in request.spectral_efficiency.items():
                self._check_name(name, self._entry, f"request {request.id!r}: spectral_efficiency")
                if len(pair) != 2 or not all(value >= 0.0 for value in pair):
                    raise LiveError(
                        f"request {request.id!r}: spectral_efficiency of node {name!r} is a pair (uplink, downlink) in "
                        f"bit/s/Hz, both 0 or more, got {pair!r}"
                    )
                found[slot, self._entry.index(name), [UPLINK, DOWNLINK]] = pair
        return np.minimum(found / np.float32(self._scales.efficiency), np.float32(1.0))

    def _nodes(self, states: Mapping[str, NodeState]) -> Array:
        for name in states:
            self._check_name(name, self._names, "node states")
        constants = self._scales.node_constants
        features = np.zeros((len(self._names), len(self._columns)), np.float32)
        features[:, FIRST_CONSTANT : FIRST_CONSTANT + constants.shape[1]] = constants
        for index, name in enumerate(self._names):
            for feature, value in self._live_features(name, states.get(name, IDLE)).items():
                if feature in self._columns:
                    features[index, self._columns.index(feature)] = value
        return features

    def _live_features(self, name: str, state: NodeState) -> dict[str, float]:
        """The features of a node that change, those of continuous batching included."""
        epoch_s, capacity, budget_s = self.scenario.epoch_s, self._capacity[name], self._scales.budget_s
        free = capacity if state.free_kv_bytes is None else state.free_kv_bytes
        slack_s = budget_s if state.slack_s is None else state.slack_s
        given = {"busy_s": state.busy_s, "free_kv_bytes": free, "slack_s": slack_s, "sequences": state.sequences}
        for label, value in (given | {"remaining_work_s": state.remaining_work_s}).items():
            if not value >= 0.0:
                raise LiveError(f"node {name!r}: {label} must be 0 or more, got {value!r}")
        if free > capacity:
            raise LiveError(
                f"node {name!r}: free_kv_bytes must be at most {capacity:.6g}, what the scenario's hardware leaves for "
                f"KV caches, got {free:.6g}"
            )
        return {
            "time_until_free": min(max(state.busy_s - self.scenario.uplink_slot_s, 0.0) / epoch_s, BUSY_CAP),
            "free_kv_bytes": free / capacity,
            "remaining_work": min(state.remaining_work_s / epoch_s, BUSY_CAP),
            "slack": min(slack_s / budget_s, 1.0),
            "sequences": min(state.sequences / self.scenario.slots, COUNT_CAP),
        }

    def _confidences(self, seen: Sequence[Sequence[float]]) -> Array:
        """[E, Q] float32 quantiles of the confidences seen at each exit; 0 at an exit without any."""
        exits = len(self.scenario.block_layers)
        if len(seen) not in (0, exits):
            raise LiveError(
                f"confidences holds one sequence for each of the {exits} exits of scenario {self.scenario.name!r}, or "
                f"none at all, got {len(seen)}"
            )
        quantiles = [np.quantile(values, QUANTILES) if len(values) else np.zeros(len(QUANTILES)) for values in seen]
        return np.asarray(quantiles or np.zeros((exits, len(QUANTILES))), np.float32)

    def _check_name(self, name: str, known: Sequence[str], where: str) -> None:
        if name not in known:
            raise LiveError(f"{where}: unknown node {name!r}; {suggestion(name, known)}")
