"""Arrival rates, difficulty mix and routing problems from observations of streaming dynamics."""

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.decoding.difficulty_mix import NO_SHIFT, DifficultyMix
from edge_llm_gym.decoding.wait_factors import Routed, WaitEstimate, WaitFactors, checked_wait_factor
from edge_llm_gym.problems.routing import RoutingProblem
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.streaming.constants import streaming_constants
from edge_llm_gym.sim.streaming.observation import NODE_FEATURES, streaming_scales

TOTAL_DISCOUNT: Final = 0.8
"""Factor per epoch on past arrivals in the estimate of the total rate: an effective window of five epochs."""
DEVICE_DISCOUNT: Final = 0.95
"""Factor per epoch on past arrivals in the estimate of each device's share of the total rate."""
PRIOR_EPOCHS: Final = 20.0
"""Weight, in epochs of mean arrivals, of equal shares in the estimate of each device's share."""
MIN_RATE_PER_S: Final = 1e-3
_SPEED, _SENT = NODE_FEATURES.index("speed"), NODE_FEATURES.index("sent")


class StreamingEstimate(NamedTuple):
    """Estimated workload of one row. Counts are discounted sums over past epochs; weights are the sums of discounts."""

    total: float
    total_weight: float
    counts: Array  # [D] float64
    count_weight: float
    difficulty_shift: int  # index into difficulty_mix.DIFFICULTY_SHIFTS
    waits: WaitEstimate


class StreamingReader:
    """Converts observations of one scenario into estimates, and estimates into routing problems.

    Args:
        scenario: a scenario of streaming dynamics.
        wait_factor: wait factor of all nodes in the routing problems, zero or more; None: estimated for each node.

    Raises ValueError for a scenario of other dynamics and for a negative or infinite wait factor.
    """

    def __init__(self, scenario: Scenario, wait_factor: float | None = None) -> None:
        self.scenario = scenario
        self._wait_factor = None if wait_factor is None else checked_wait_factor(wait_factor)
        self.constants = streaming_constants(scenario)
        self._efficiency_cap = scenario.channel.spectral_efficiency_cap
        self._device_arrivals = streaming_scales(scenario).device_arrivals
        reward = scenario.reward
        weight_s = reward.get("accuracy", 0.0) / max(-reward.get("mean_delay_s", 0.0), 1e-9)
        self.difficulty_mix = DifficultyMix(self.constants, accuracy_weight_s=weight_s)
        stage, transfer_s = self.constants.network.stage, self.constants.mean_transfer_s
        self.wait_factors = WaitFactors(stage, transfer_s, scenario.epoch_s)

    def initial_estimate(self) -> StreamingEstimate:
        """The estimate before any observation: the scenario's mean rate with the weight of one epoch, and no shift."""
        devices = self.constants.device_rate_per_s.size
        mean = self.constants.rate_per_s * self.scenario.epoch_s
        waits = self.wait_factors.initial_estimate()
        return StreamingEstimate(mean, 1.0, np.zeros(devices), 0.0, NO_SHIFT, waits)

    def update(
        self, estimate: StreamingEstimate, observation: Mapping[str, Array], routed: Routed | None = None
    ) -> StreamingEstimate:
        """The estimate after one more observation of one row.

        `routed` describes the last action; without it the observation does not change the wait factors.
        """
        counts = np.asarray(observation["arrivals"], np.float64) * self._device_arrivals
        confidence = np.asarray(observation["exit_confidence"])[0]
        return StreamingEstimate(
            total=TOTAL_DISCOUNT * estimate.total + counts.sum(),
            total_weight=TOTAL_DISCOUNT * estimate.total_weight + 1.0,
            counts=DEVICE_DISCOUNT * estimate.counts + counts,
            count_weight=DEVICE_DISCOUNT * estimate.count_weight + 1.0,
            difficulty_shift=self.difficulty_mix.nearest_shift(confidence, estimate.difficulty_shift),
            waits=estimate.waits if routed is None else self._updated_waits(estimate.waits, observation, routed),
        )

    def _updated_waits(self, waits: WaitEstimate, observation: Mapping[str, Array], routed: Routed) -> WaitEstimate:
        mean_arrivals = self.constants.rate_per_s * self.scenario.epoch_s
        backlog = np.asarray(observation["backlog"], np.float64) * mean_arrivals
        sent = np.asarray(observation["nodes"], np.float64)[:, _SENT] * mean_arrivals
        return self.wait_factors.update(waits, backlog, sent, routed)

    def wait_factor(self, estimate: StreamingEstimate) -> Array:
        """[K] float64, wait factors of the routing problems."""
        if self._wait_factor is None:
            return self.wait_factors.factors(estimate.waits)
        return np.full(self.constants.network.stage.size, self._wait_factor)

    def rate_per_s(self, estimate: StreamingEstimate) -> Array:
        """[D] arrivals per second: the recent total rate, split by each device's share, shrunk to equal shares."""
        total = estimate.total / estimate.total_weight
        share = estimate.counts + PRIOR_EPOCHS * total / estimate.counts.size
        rate = total * share / max(share.sum(), 1e-12) / self.scenario.epoch_s
        return np.maximum(rate, MIN_RATE_PER_S)

    def routing_problem(
        self, estimate: StreamingEstimate, observation: Mapping[str, Array], inner_threshold: float
    ) -> RoutingProblem:
        """The routing problem of an estimate and of the observed channels and node speeds.

        An observation without the key "nodes" means that all nodes have their nominal speed (for steady-state plans).
        `inner_threshold` applies to the exits inside the nodes of the last stage.
        """
        service_s, service_sq_s2 = self.difficulty_mix.service(estimate.difficulty_shift, inner_threshold)
        slowdown_factor = (
            1.0 / np.asarray(observation["nodes"], np.float64)[:, _SPEED] if "nodes" in observation else 1.0
        )
        efficiency = np.asarray(observation["spectral_efficiency"], np.float64) * self._efficiency_cap
        return RoutingProblem(
            arrival_rate=self.rate_per_s(estimate),
            link_delay_s=self.constants.link_delay_s(efficiency),
            service_s=slowdown_factor * service_s,
            service_sq_s2=slowdown_factor**2 * service_sq_s2,
            early_exit=self.difficulty_mix.early_exit(estimate.difficulty_shift, inner_threshold),
            wait_factor=self.wait_factor(estimate),
        )
