"""What an expert reads off an observation of streaming dynamics: rates, the mix of requests, a routing problem."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.decoding.difficulty_mix import EVEN, MixReader
from edge_llm_gym.problems.routing import RoutingProblem
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.streaming.constants import streaming_constants
from edge_llm_gym.sim.streaming.observation import NODE_FEATURES, streaming_scales

TOTAL_MEMORY = 0.8
"""Share of an epoch's weight in the estimate of all arrivals that is left an epoch later: memory of five epochs."""
DEVICE_MEMORY = 0.95
DEVICE_PRIOR = 20.0
"""Epochs that a device's equal share of all arrivals weighs beside its own counts."""
LEAST_RATE_PER_S = 1e-3
_SPEED = NODE_FEATURES.index("speed")


class Estimate(NamedTuple):
    """What an expert believes. Counts are sums over past epochs, discounted, and their weights."""

    total: float
    total_weight: float
    counts: Array  # [D]
    count_weight: float
    difficulty_shift: int  # index into mix.SWINGS


class StreamingReader:
    """Turns observations of one scenario into estimates, and these into routing problems."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.constants = streaming_constants(scenario)
        self._efficiency_cap = scenario.channel.spectral_efficiency_cap
        self._device_arrivals = streaming_scales(scenario).device_arrivals
        reward = scenario.reward
        worth_s = reward.get("accuracy", 0.0) / max(-reward.get("mean_delay_s", 0.0), 1e-9)
        self.mix = MixReader(self.constants, accuracy_weight_s=worth_s)

    def first(self) -> Estimate:
        """Before anything has been seen: the scenario's mean rate, which weighs an epoch, and an even mix."""
        devices = self.constants.device_rate_per_s.size
        mean = self.constants.rate_per_s * self.scenario.epoch_s
        return Estimate(mean, 1.0, np.zeros(devices), 0.0, EVEN)

    def update(self, before: Estimate, observation: Mapping[str, Array]) -> Estimate:
        """The estimate after one more observation of one row."""
        counts = np.asarray(observation["arrivals"], np.float64) * self._device_arrivals
        return Estimate(
            total=TOTAL_MEMORY * before.total + counts.sum(),
            total_weight=TOTAL_MEMORY * before.total_weight + 1.0,
            counts=DEVICE_MEMORY * before.counts + counts,
            count_weight=DEVICE_MEMORY * before.count_weight + 1.0,
            difficulty_shift=self.mix.nearest(np.asarray(observation["exit_confidence"])[0], before.difficulty_shift),
        )

    def rate_per_s(self, estimate: Estimate) -> Array:
        """[D] arrivals per second: recent arrivals of all, spread by longer counts of each drawn to equal shares."""
        total = estimate.total / estimate.total_weight
        share = estimate.counts + DEVICE_PRIOR * total / estimate.counts.size
        rate = total * share / max(share.sum(), 1e-12) / self.scenario.epoch_s
        return np.maximum(rate, LEAST_RATE_PER_S)

    def problem(self, estimate: Estimate, observation: Mapping[str, Array], inner: float) -> RoutingProblem:
        """The routing problem of an estimate, and of the channels and the speeds of the nodes that are observed.

        A plan for ever, made before anything is observed, gives no "nodes": they keep their own speed then.
        """
        service_s, service_sq_s2 = self.mix.service(estimate.difficulty_shift, inner)
        slowdown_factor = (
            1.0 / np.asarray(observation["nodes"], np.float64)[:, _SPEED] if "nodes" in observation else 1.0
        )
        efficiency = np.asarray(observation["spectral_efficiency"], np.float64) * self._efficiency_cap
        return RoutingProblem(
            arrival_rate=self.rate_per_s(estimate),
            link_delay_s=self.constants.link_delay_s(efficiency),
            service_s=slowdown_factor * service_s,
            service_sq_s2=slowdown_factor**2 * service_sq_s2,
            early_exit=self.mix.early_exit(estimate.difficulty_shift, inner),
        )
