"""What thresholds and offload shares make of a request of a mix: where it leaves, and how good its answer is called."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.decoding.difficulty_mix import MixReader
from edge_llm_gym.scenario.network import Network
from edge_llm_gym.sim.exits import (
    exit_table,
    expected_accuracy,
)
from edge_llm_gym.sim.request_costs import RequestCosts


class Exits(NamedTuple):
    """What thresholds do, wherever requests are sent. P hosted blocks, K1 entry nodes, K nodes."""

    leave: Array  # [K1, P] share that leaves after each block of the entry node
    pass_on: Array  # [K1] share that goes on
    beyond: Array  # [K1, K, P] share that leaves after each block of a deeper node, if all that go on are sent there
    quality: Array  # [K1, P] offered to those that leave there, whichever way they came


class ExitForecast(NamedTuple):
    """What a plan makes of a request. In batches of R rows all arrays have a leading axis of them."""

    leave: Array  # [K1, P] share that leaves after each hosted block of an entry node, or of a deeper one on its way
    pass_on: Array  # [K1] share that goes on
    reach: Array  # [K1, K] share that reaches each deeper node
    quality: Array  # [K1, P] offered to those that leave there


def exit_forecast_of(exits: Exits, offload: Array) -> ExitForecast:
    """The forecast for shares offload [K1, K] of the entry nodes; both may have a leading axis of rows."""
    leave = exits.leave + np.einsum("...ek,...ekp->...ep", offload, exits.beyond)
    return ExitForecast(leave, exits.pass_on, exits.pass_on[..., None] * offload, exits.quality)


class ExitReader:
    """Says what thresholds do in a network of two stages, averaged over the rows of a mix."""

    def __init__(self, mix: MixReader, costs: RequestCosts, network: Network) -> None:
        self._mix, self._costs, self._network = mix, costs, network
        self._answers = exit_table(mix.profile)
        self.node_quality = np.array([node.quality for node in costs.nodes])
        self._exits_of = lru_cache(maxsize=4096)(self._exits)

    def exits(self, difficulty_shift: int, threshold: Array) -> Exits:
        """For a mix and thresholds [K]."""
        return self._exits_of(difficulty_shift, np.asarray(threshold, np.float64).tobytes())

    def offered(self, node: int, block: int, factor: float, threshold: float) -> float:
        """Quality offered at an exit of a node, f times the accuracy to expect, at most 1."""
        return min(factor * expected_accuracy(self._answers, block, np.float32(threshold)), 1.0)

    def blocks(self, node: int) -> list[tuple[int, int]]:
        """Place among the P hosted blocks and number of each block of a node."""
        first, last = self._costs.first_hosted[node], self._costs.last_hosted[node]
        return [(place, int(self._network.first_block[node] + place - first)) for place in range(first, last + 1)]

    def _exits(self, difficulty_shift: int, threshold_bytes: bytes) -> Exits:
        threshold = np.frombuffer(threshold_bytes)
        entries = np.flatnonzero(self._network.stage == 0)
        deep = np.flatnonzero(self._network.stage == 1).tolist()
        places = int(self._costs.last_hosted.max()) + 1
        leave, quality = np.zeros((2, entries.size, places))
        pass_on, beyond = np.zeros(entries.size), np.zeros((entries.size, threshold.size, places))
        for entry in entries.tolist():
            left = self._leave_node(difficulty_shift, entry, threshold[entry], np.ones(1), leave[entry])
            pass_on[entry] = left.mean()
            self._offer(entry, entry, threshold, quality[entry])
            for node in deep:
                self._leave_node(difficulty_shift, node, threshold[node], left, beyond[entry, node])
                self._offer(entry, node, threshold, quality[entry])
        return Exits(leave, pass_on, beyond, quality)

    def _leave_node(self, difficulty_shift: int, node: int, threshold: float, share: Array, leave: Array) -> Array:
        """Fills leave [P] with who of the rows' shares leaves a node where; returns the shares [rows] that go on."""
        confidence = self._mix.rows(difficulty_shift)[0]
        left = np.broadcast_to(share, len(confidence)).copy()
        for place, block in self.blocks(node):
            final = block == confidence.shape[1] - 1
            leaves = np.where(final | (confidence[:, block] >= threshold), left, 0.0)
            leave[place] = leaves.mean()
            left -= leaves
        return left

    def _offer(self, entry: int, node: int, threshold: Array, quality: Array) -> None:
        """Fills quality [P] at the exits of a node, for requests that came in at an entry node."""
        factor = min(self.node_quality[entry], self.node_quality[node])
        for place, block in self.blocks(node):
            quality[place] = self.offered(node, block, factor, threshold[node])
