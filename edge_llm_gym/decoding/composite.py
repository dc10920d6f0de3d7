"""Problems from observations of batching-and-routing dynamics: one routing and one assignment problem per epoch.

In the routing problem, which sets offload shares and exit thresholds, the devices are the entry nodes themselves, each
with its estimated rate of admitted requests. The assignment problem, which forms the batches of the entry nodes, takes
the expected costs and values under the offload shares and thresholds of the plan.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.decoding.batching import BatchingArrays, BatchingReader
from edge_llm_gym.decoding.composite_constants import CompositeConstants, composite_constants
from edge_llm_gym.decoding.difficulty_mix import DifficultyMix
from edge_llm_gym.decoding.energy_price import FREE, EnergyPrice
from edge_llm_gym.decoding.epoch_rows import EpochProblem, EpochRows
from edge_llm_gym.decoding.exit_forecast import (
    ExitForecast,
    ExitForecaster,
    ExitProbabilities,
    exit_forecast,
)
from edge_llm_gym.decoding.expected_costs import ExpectedCosts
from edge_llm_gym.decoding.load_estimate import LoadEstimate, initial_estimate
from edge_llm_gym.decoding.threshold_levels import DEMAND_LEVELS, threshold_levels
from edge_llm_gym.decoding.wait_factors import checked_wait_factor
from edge_llm_gym.numeric import real_number
from edge_llm_gym.problems.routing import RoutingProblem
from edge_llm_gym.problems.routing_checks import LARGEST
from edge_llm_gym.rows import as_rows
from edge_llm_gym.scenario import Scenario

STAGES: Final = 2
MIN_RATE_PER_S: Final = 1e-3
ENTRY_DELAY_S: Final = 1e-6
"""Delay of the link between an entry node and the device that represents its admitted requests."""
ACCURACY_WEIGHT_S: Final = 20.0
"""Seconds of mean delay per unit of accuracy relative to the last exit; the scenario's reward does not define it."""


class CompositeReader(BatchingReader):
    """Converts observations of one two-stage scenario into load estimates, routing problems and epoch problems.

    Args:
        scenario: a scenario of batching-and-routing dynamics with two stages.
        overrun_s: as for `BatchingReader`.
        accuracy_weight_s: seconds of mean delay per unit of accuracy relative to the last exit.
        quantile: as for `BatchingReader`.
        wait_factor: wait factor of all nodes in the routing problem, zero or more. It is not estimated: observations
            show neither the requests at deeper nodes nor the rates there.
        energy_price: as for `BatchingReader`, for entry nodes and for the work of deeper nodes; the routing problem
            does not price energy.

    Raises ValueError for a scenario of other dynamics or of another number of stages, and for a negative or infinite
    wait factor.
    """

    def __init__(
        self,
        scenario: Scenario,
        overrun_s: float = np.inf,
        accuracy_weight_s: float = ACCURACY_WEIGHT_S,
        quantile: float | None = None,
        wait_factor: float = 1.0,
        energy_price: EnergyPrice = FREE,
    ) -> None:
        if scenario.dynamics != "batching_routing" or scenario.network.stages != STAGES:
            raise ValueError(
                f"experts of batching-and-routing dynamics plan for two stages, got scenario {scenario.name!r} with "
                f"dynamics {scenario.dynamics!r} and {scenario.network.stages} stages; use two ranges in nodes.*.blocks"
            )
        super().__init__(scenario, overrun_s, quantile, energy_price)
        self._wait_factor = checked_wait_factor(wait_factor)
        self.constants = composite_constants(scenario)
        weight_s = real_number("accuracy_weight_s", accuracy_weight_s, greatest=LARGEST)
        self.difficulty_mix = DifficultyMix(self.constants, weight_s)
        self.exit_forecaster = ExitForecaster(self.difficulty_mix, self._costs, scenario.network)
        self._link_delay_s = _link_delay_s(self.constants)
        self.expected_costs = ExpectedCosts(scenario, self._costs, self.constants)

    def initial_estimate(self) -> LoadEstimate:
        """The estimate before any observation."""
        mean_arrivals = self.constants.rate_per_s * self.scenario.epoch_s
        deep_nodes = np.flatnonzero(self.scenario.network.stage == 1)
        return initial_estimate(mean_arrivals, self._entry_nodes, deep_nodes)

    def update(self, estimate: LoadEstimate, observation: Mapping[str, Array]) -> LoadEstimate:
        """The estimate with the difficulty shift that is nearest to the observed confidences of one row."""
        confidence = np.asarray(observation["exit_confidence"])[0]
        shift = self.difficulty_mix.nearest_shift(confidence, estimate.difficulty_shift)
        return estimate._replace(difficulty_shift=shift)

    def routing_problem(
        self, estimate: LoadEstimate, observation: Mapping[str, Array], inner_threshold: float
    ) -> RoutingProblem:
        """The routing problem of an estimate: device k sends to the k-th entry node only."""
        service_s, service_sq_s2 = self.difficulty_mix.service(estimate.difficulty_shift, inner_threshold)
        return RoutingProblem(
            arrival_rate=np.maximum(estimate.admitted / self.scenario.epoch_s, MIN_RATE_PER_S),
            link_delay_s=self._link_delay_s,
            service_s=service_s,
            service_sq_s2=service_sq_s2,
            early_exit=self.difficulty_mix.early_exit(estimate.difficulty_shift, inner_threshold),
            wait_factor=self._wait_factor,
        )

    def threshold_levels(self, count: int = DEMAND_LEVELS) -> Array:
        """[L, K] candidate thresholds, see `edge_llm_gym.decoding.threshold_levels`."""
        return threshold_levels(self.scenario, self.exit_forecaster, count)

    def forecast(self, shift: int, offload: Array, threshold: Array) -> ExitForecast:
        """The exit forecast of one row for offload shares [K, K] and thresholds [K]."""
        return exit_forecast(self.exit_forecaster.exits(shift, threshold), offload[self._entry_nodes])

    def forecasts(self, shifts: Sequence[int], offload: Array, threshold: Array) -> ExitForecast:
        """The exit forecasts of R rows for offload shares [R, K, K] and thresholds [R, K]."""
        exits = [self.exit_forecaster.exits(*pair) for pair in zip(shifts, threshold, strict=True)]
        stacked = ExitProbabilities(*(np.stack(arrays) for arrays in zip(*exits, strict=True)))
        return exit_forecast(stacked, offload[:, self._entry_nodes])

    def expected_epoch(
        self, observation: Mapping[str, Array], estimate: LoadEstimate, forecast: ExitForecast
    ) -> EpochProblem:
        """The epoch problem of one row, with expected costs and values under a forecast."""
        single = as_rows(observation)
        stacked = ExitForecast(*(array[None] for array in forecast))
        return self.expected_epochs(self.read_rows(single), single, estimate.forwarded[None], stacked).epoch(0)

    def expected_epochs(
        self, rows: BatchingArrays, observation: Mapping[str, Array], forwarded: Array, forecast: ExitForecast
    ) -> EpochRows:
        """The epoch problems of R rows, with expected costs and values under their forecasts.

        Args:
            rows: what `read_rows` makes of the observation.
            observation: the observation of the R rows.
            forwarded: [R, K] requests forwarded per epoch to each deeper node.
            forecast: exit probabilities of the R rows.
        """
        expected, value = self.expected_costs(rows, observation, forwarded, forecast)
        if self.energy_price.node > 0.0:
            value = value - self.expected_costs.deep_price(expected, forecast, self._time_price)
        return self.epochs(expected, value)


def _link_delay_s(constants: CompositeConstants) -> Array:
    """[K1 + K, K] delay in s of a mean request on the links of the entry nodes' devices, then of the nodes."""
    network = constants.network
    entries, nodes = network.entry_nodes.size, network.stage.size
    delay_s = np.full((entries + nodes, nodes), np.inf)
    delay_s[np.arange(entries), network.entry_nodes] = ENTRY_DELAY_S
    delay_s[entries:] = constants.mean_wire_s
    return delay_s
