"""What an expert reads off an observation of stream admission: rates, the mix of requests, a routing problem."""

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from edge_llm_gym.problems.routing import EarlyExit, RoutingProblem
from edge_llm_gym.sim.scenario import Scenario
from edge_llm_gym.sim.state import Array
from edge_llm_gym.sim.stream.constants import stream_constants
from edge_llm_gym.sim.stream.observation import QUANTILES, stream_scales
from edge_llm_gym.sim.stream.tape import tilted

TOTAL_MEMORY = 0.8
"""Share of an epoch's weight in the estimate of all arrivals that is left an epoch later: memory of five epochs."""
DEVICE_MEMORY = 0.95
DEVICE_PRIOR = 20.0
"""Epochs that a device's equal share of all arrivals weighs beside its own counts."""
LEAST_RATE_PER_S = 1e-3
SWINGS = np.linspace(-1.0, 1.0, 21)
"""Mixes that are told apart, from easy to hard, as in `sim.stream.tape.drift_swing`."""
ROWS = 2048
"""Rows of the exit profile that stand for a mix."""


class Estimate(NamedTuple):
    """What an expert believes. Counts are sums over past epochs, discounted, and their weights."""

    total: float
    total_weight: float
    counts: Array  # [D]
    count_weight: float
    swing: int  # index into SWINGS


class StreamReader:
    """Turns observations of one scenario into estimates, and these into routing problems.

    The problem has one exit for each stage: where a node hosts several, a request leaves it if the surest of their
    confidences reaches its threshold, and its answer counts as right if that of the last one is. Only the last stage,
    which answers everybody, takes `inner` as the threshold of the exits before its last one, and counts the time and
    the answers of those who leave there exactly. The work before an inner exit of other stages is taken whole.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.constants = stream_constants(scenario)
        self._efficiency_cap = scenario.channel.spectral_efficiency_cap
        self._device_arrivals = stream_scales(scenario).device_arrivals
        self._by_swing = lru_cache(maxsize=None)(self._rows_of)
        self._profile_of = lru_cache(maxsize=None)(self._early_exit)
        self._quantiles = np.array([np.quantile(self._rows_of(i)[0][:, 0], QUANTILES) for i in range(SWINGS.size)])

    def first(self) -> Estimate:
        """Before anything has been seen: the scenario's mean rate, which weighs an epoch, and an even mix."""
        devices = self.constants.device_rate_per_s.size
        mean = self.constants.rate_per_s * self.scenario.epoch_s
        return Estimate(mean, 1.0, np.zeros(devices), 0.0, SWINGS.size // 2)

    def update(self, before: Estimate, observation: Mapping[str, Array]) -> Estimate:
        """The estimate after one more observation of one row."""
        counts = np.asarray(observation["arrivals"], np.float64) * self._device_arrivals
        return Estimate(
            total=TOTAL_MEMORY * before.total + counts.sum(),
            total_weight=TOTAL_MEMORY * before.total_weight + 1.0,
            counts=DEVICE_MEMORY * before.counts + counts,
            count_weight=DEVICE_MEMORY * before.count_weight + 1.0,
            swing=self._nearest_swing(np.asarray(observation["exit_confidence"])[0], before.swing),
        )

    def rate_per_s(self, estimate: Estimate) -> Array:
        """[D] arrivals per second: recent arrivals of all, spread by longer counts of each drawn to equal shares."""
        total = estimate.total / estimate.total_weight
        share = estimate.counts + DEVICE_PRIOR * total / estimate.counts.size
        rate = total * share / max(share.sum(), 1e-12) / self.scenario.epoch_s
        return np.maximum(rate, LEAST_RATE_PER_S)

    def problem(self, estimate: Estimate, observation: Mapping[str, Array], inner: float) -> RoutingProblem:
        """The routing problem of an estimate and the channels that are observed."""
        service_s, service_sq_s2 = self._service(estimate.swing, inner)
        efficiency = np.asarray(observation["spectral_efficiency"], np.float64) * self._efficiency_cap
        return RoutingProblem(
            arrival_rate=self.rate_per_s(estimate),
            link_delay_s=self.constants.link_delay_s(efficiency),
            service_s=service_s,
            service_sq_s2=service_sq_s2,
            early_exit=self._profile_of(estimate.swing, inner),
        )

    def _nearest_swing(self, seen: Array, before: int) -> int:
        """The mix whose confidences at the first exit are nearest to the quantiles seen; as before where none were."""
        if not seen.any():
            return before
        return int(np.argmin(((self._quantiles - seen) ** 2).sum(axis=1)))

    def _rows_of(self, swing: int) -> tuple[Array, Array]:
        """Confidence and correctness [ROWS, E] of rows that stand for a mix, each as likely as the others."""
        profile = self.constants.profile
        easiest_first = np.argsort(profile.difficulty, kind="stable")
        rank = tilted((np.arange(ROWS) + 0.5) / ROWS, SWINGS[swing])
        row = easiest_first[np.minimum((rank * profile.rows).astype(np.int64), profile.rows - 1)]
        return profile.confidence[row].astype(np.float64), profile.correct[row].astype(np.float64)

    def _early_exit(self, swing: int, inner: float) -> EarlyExit:
        confidence, correct = self._by_swing(swing)
        reward = self.scenario.reward
        return EarlyExit(
            confidence=np.stack([confidence[:, blocks].max(axis=1) for blocks in self._blocks()], axis=1),
            correct=np.stack(
                [*(correct[:, blocks[-1]] for blocks in self._blocks()[:-1]), self._answers(swing, inner)], axis=1
            ),
            hosted_exit=self.constants.network.stage,
            accuracy_weight_s=reward.get("accuracy", 0.0) / max(-reward.get("mean_delay_s", 0.0), 1e-9),
        )

    def _blocks(self) -> list[Array]:
        """Blocks that the nodes of each stage host."""
        network = self.constants.network
        firsts = [int(np.flatnonzero(network.stage == stage)[0]) for stage in range(network.stages)]
        return [np.arange(network.first_block[node], network.last_block[node] + 1) for node in firsts]

    def _leaves(self, swing: int, inner: float) -> Array:
        """[ROWS] place among the last stage's exits at which a row leaves."""
        confidence = self._by_swing(swing)[0][:, self._blocks()[-1]]
        sure = confidence >= inner
        sure[:, -1] = True
        return sure.argmax(axis=1)

    def _answers(self, swing: int, inner: float) -> Array:
        """[ROWS] correctness of the answer of the last stage."""
        correct = self._by_swing(swing)[1][:, self._blocks()[-1]]
        return np.take_along_axis(correct, self._leaves(swing, inner)[:, None], axis=1)[:, 0]

    def _service(self, swing: int, inner: float) -> tuple[Array, Array]:
        """Mean and second moment [K] of the service times; other rows than the last stage's compute all blocks."""
        network, nodes = self.constants.network, np.arange(self.constants.network.stage.size)
        leaving = np.zeros((nodes.size, len(self.scenario.block_layers)))
        leaving[nodes, network.last_block] = 1.0
        blocks = self._blocks()[-1]
        share = np.bincount(self._leaves(swing, inner), minlength=blocks.size) / ROWS
        for node in np.flatnonzero(network.stage == network.stages - 1):
            leaving[node, blocks] = share
        return self.constants.service(leaving)
