"""Forecast of where requests leave a two-stage network and at which quality, given thresholds and offload shares."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.decoding.difficulty_mix import DifficultyMix
from edge_llm_gym.scenario.network import Network
from edge_llm_gym.sim.exits import exit_table, relative_accuracy
from edge_llm_gym.sim.request_costs import RequestCosts

FORECAST_CACHE_SIZE = 4096
"""Number of (shift, thresholds) pairs in the cache of exit probabilities."""


class ExitProbabilities(NamedTuple):
    """Effect of thresholds, whatever the offload shares. P hosted blocks, K1 entry nodes, K nodes. All float64."""

    exit_probability: Array  # [K1, P] of leaving after each block of the entry node
    forward_probability: Array  # [K1] of being forwarded
    deep_exit_probability: Array  # [K1, K, P] of leaving after each block of a deeper node, if all go to that node
    quality: Array  # [K1, P] quality offered at each exit


class ExitForecast(NamedTuple):
    """Effect of thresholds and offload shares on a request. Batches of R rows have a leading axis of rows."""

    exit_probability: Array  # [K1, P] of leaving after each hosted block, of the entry node or of a deeper node
    forward_probability: Array  # [K1] of being forwarded
    reach_probability: Array  # [K1, K] of reaching each deeper node
    quality: Array  # [K1, P] quality offered at each exit


def exit_forecast(exits: ExitProbabilities, offload: Array) -> ExitForecast:
    """The forecast for offload shares [K1, K] of the entry nodes; both arguments may have a leading axis of rows."""
    leave = exits.exit_probability + np.einsum("...ek,...ekp->...ep", offload, exits.deep_exit_probability)
    reach = exits.forward_probability[..., None] * offload
    return ExitForecast(leave, exits.forward_probability, reach, exits.quality)


class ExitForecaster:
    """Computes exit probabilities of a two-stage network, averaged over the rows of a difficulty mix."""

    def __init__(self, mix: DifficultyMix, costs: RequestCosts, network: Network) -> None:
        self._mix, self._costs, self._network = mix, costs, network
        self._answers = exit_table(mix.profile)
        self.node_quality = np.array([node.quality for node in costs.nodes])
        self._exits_of = lru_cache(maxsize=FORECAST_CACHE_SIZE)(self._exits)

    def exits(self, shift: int, threshold: Array) -> ExitProbabilities:
        """Exit probabilities for a difficulty shift (an index) and thresholds [K]."""
        return self._exits_of(shift, np.asarray(threshold, np.float64).tobytes())

    def offered_quality(self, block: int, factor: float, threshold: float) -> float:
        """Quality offered at an exit: the relative accuracy at this threshold times `factor`, at most 1."""
        return min(factor * relative_accuracy(self._answers, block, np.float32(threshold)), 1.0)

    def _hosted(self, node: int) -> list[tuple[int, int]]:
        """For each block of a node, its index among the P hosted blocks and its number in the model."""
        first, last = self._costs.first_hosted[node], self._costs.last_hosted[node]
        return [(index, int(self._network.first_block[node] + index - first)) for index in range(first, last + 1)]

    def _exits(self, shift: int, threshold_bytes: bytes) -> ExitProbabilities:
        threshold = np.frombuffer(threshold_bytes)
        entries = np.flatnonzero(self._network.stage == 0)
        deep_nodes = np.flatnonzero(self._network.stage == 1).tolist()
        hosted = int(self._costs.last_hosted.max()) + 1
        leave, quality = np.zeros((2, entries.size, hosted))
        forward, deep_leave = np.zeros(entries.size), np.zeros((entries.size, threshold.size, hosted))
        for entry in entries.tolist():
            remaining = self._fill_exits(shift, entry, threshold[entry], np.ones(1), leave[entry])
            forward[entry] = remaining.mean()
            self._fill_quality(entry, entry, threshold, quality[entry])
            for node in deep_nodes:
                self._fill_exits(shift, node, threshold[node], remaining, deep_leave[entry, node])
                self._fill_quality(entry, node, threshold, quality[entry])
        return ExitProbabilities(leave, forward, deep_leave, quality)

    def _fill_exits(self, shift: int, node: int, threshold: float, share: Array, leave: Array) -> Array:
        """Fills leave [P] at the blocks of a node; returns the remaining share of each row, [SAMPLE_ROWS]."""
        confidence = self._mix.rows(shift)[0]
        remaining = np.broadcast_to(share, len(confidence)).copy()
        for index, block in self._hosted(node):
            is_last = block == confidence.shape[1] - 1
            leaves = np.where(is_last | (confidence[:, block] >= threshold), remaining, 0.0)
            leave[index] = leaves.mean()
            remaining -= leaves
        return remaining

    def _fill_quality(self, entry: int, node: int, threshold: Array, quality: Array) -> None:
        """Fills quality [P] at the exits of a node, for requests that were admitted at an entry node."""
        factor = min(self.node_quality[entry], self.node_quality[node])
        for index, block in self._hosted(node):
            quality[index] = self.offered_quality(block, factor, threshold[node])
