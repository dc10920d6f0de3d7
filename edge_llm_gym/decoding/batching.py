"""Batch and assignment problems from observations of pooled dynamics: request costs, bandwidth shares and budgets."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.decoding.energy_price import FREE, EnergyPrice
from edge_llm_gym.decoding.epoch_rows import EpochProblem, EpochRows
from edge_llm_gym.decoding.planned_tokens import PlannedTokens
from edge_llm_gym.models.channel import minimum_share, rate_bps
from edge_llm_gym.numeric import real_number
from edge_llm_gym.problems.rows import assignment_rows
from edge_llm_gym.rows import as_rows
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.columns import DOWNLINK, UPLINK
from edge_llm_gym.sim.energy import dynamic_power_w, transmit_power_w
from edge_llm_gym.sim.pooled.observation import NODE_FEATURES, REQUEST_FEATURES, Scales, observation_scales
from edge_llm_gym.sim.request_costs import RequestCosts

MARGIN = 1e-6
"""Relative safety margin on every limit: observations are float32, the transition computes in float64."""
_REQUEST = {name: column for column, name in enumerate(REQUEST_FEATURES)}
_NODE = {name: column for column, name in enumerate(NODE_FEATURES)}


class BatchingArrays(NamedTuple):
    """Costs and limits of R rows: N slots, K entry nodes. All float64 except `visible`.

    An empty slot fits nowhere: its budget is -1 s.
    """

    visible: Array  # [R, N] bool, whether the slot holds a request
    prompt_tokens: Array  # [R, N]
    output_tokens: Array  # [R, N] planned with: the prediction, or a quantile of the true number given it
    quality_demand: Array  # [R, N]
    value: Array  # [R, N]
    waiting_s: Array  # [R, N] time since arrival
    time_left_s: Array  # [R, N] time to the deadline
    time_s: Array  # [R, N, K] time w that the request adds to a batch
    shared_time_s: Array  # [R, N, K] time v that the batch spends once, for the longest of its requests
    kv_bytes: Array  # [R, N, K]
    uplink_share: Array  # [R, N, K] minimum share of the uplink band, infinite on a dead channel
    downlink_share: Array  # [R, N, K]
    budget_s: Array  # [R, N, K] longest batch that the request may join, -1 where the node is below its quality demand
    busy_s: Array  # [R, K] time from the end of this uplink slot until the node is free
    free_kv_bytes: Array  # [R, K]
    slack_s: Array  # [R, K] work that the node may add without making an earlier request late; infinite for no limit


class BatchingReader:
    """Converts observations of one scenario into epoch problems.

    Args:
        scenario: the scenario of the observations.
        overrun_s: how long a batch may run past the end of the next uplink slot, when the next batch could start;
            infinite for no limit.
        quantile: plan with this quantile of the output tokens given their prediction; by default with the prediction.
            Memory and downlink shares are never less than for the prediction, which admission checks.
        energy_price: price of energy in the objective of epoch problems; the idle power, which no decision changes, is
            left out.

    Raises ValueError for a negative `overrun_s` and for a quantile outside (0, 1).
    """

    def __init__(
        self,
        scenario: Scenario,
        overrun_s: float = np.inf,
        quantile: float | None = None,
        energy_price: EnergyPrice = FREE,
    ) -> None:
        self.scenario = scenario
        self._planned_tokens = PlannedTokens(scenario, quantile)
        self.energy_price = energy_price
        self._uplink_price = energy_price.device * transmit_power_w(scenario) * scenario.uplink_slot_s
        self._time_price = energy_price.node * dynamic_power_w(scenario)  # of each node
        self._overrun_s = checked_overrun_s(scenario, overrun_s)
        self._entry_nodes, self._costs = scenario.network.entry_nodes, RequestCosts(scenario)
        costs = [self._costs.nodes[index] for index in self._entry_nodes]
        self._quality = np.array([each.quality for each in costs])
        self._kv_capacity_bytes = np.array([each.kv_capacity_bytes for each in costs])
        nodes = [scenario.nodes[index] for index in self._entry_nodes]
        self._band_hz = np.array([(node.uplink_hz, node.downlink_hz) for node in nodes])
        self._scales: Scales = observation_scales(scenario)

    def read(self, observation: Mapping[str, Array]) -> EpochProblem:
        """The epoch problem of the observation of one row."""
        return self.epoch_of(self.read_rows(as_rows(observation)), 0)

    def epoch_of(self, rows: BatchingArrays, row: int) -> EpochProblem:
        """The epoch problem of one row, over its n visible requests."""
        return self.epochs(BatchingArrays(*(array[row : row + 1] for array in rows))).epoch(0)

    def epochs(self, rows: BatchingArrays, value: Array | None = None) -> EpochRows:
        """The epoch problems of R rows, with the requests' own values or with `value` [R, N, K]."""
        values = rows.value[..., None] if value is None else value
        time_price = self._time_price[self._entry_nodes]
        fields = {
            "time_s": rows.time_s,
            "shared_time_s": rows.shared_time_s,
            "kv_bytes": rows.kv_bytes,
            "uplink_share": rows.uplink_share,
            "downlink_share": rows.downlink_share,
            "budget_s": rows.budget_s,
            "value": np.broadcast_to(self._net_of_uplink(values), rows.time_s.shape),
            "memory_bytes": rows.free_kv_bytes,
            "time_cap_s": batch_limits_s(self.scenario, rows, self._overrun_s),
            "time_price": np.broadcast_to(time_price, rows.busy_s.shape),
        }
        return EpochRows(
            problem=assignment_rows(rows.visible, fields),
            waiting_s=rows.waiting_s,
            time_left_s=rows.time_left_s,
            busy_s=rows.busy_s,
            urgent=self._urgent(rows),
        )

    def read_rows(self, observation: Mapping[str, Array]) -> BatchingArrays:
        """Costs and limits from the observations of R rows."""
        visible = np.asarray(observation["request_mask"]).astype(bool)
        requests = np.asarray(observation["requests"], np.float64)
        nodes = np.asarray(observation["nodes"], np.float64)[:, self._entry_nodes]
        busy_s = self._busy_s(nodes)
        time_left_s = requests[..., _REQUEST["time_left"]] * self._scales.budget_s
        prompt = np.rint(requests[..., _REQUEST["prompt_tokens"]] * self._scales.prompt_tokens)
        predicted = np.rint(requests[..., _REQUEST["output_tokens"]] * self._scales.output_tokens)
        output = self._planned_tokens(predicted)
        time_s, shared_time_s, kv_bytes = self._entry_costs(prompt, output)
        if output is not predicted:
            kv_bytes = np.maximum(kv_bytes, self._entry_costs(prompt, predicted)[2])
        more_tokens = np.maximum(output - predicted, 0.0)
        uplink_share, downlink_share = self._shares(requests, more_tokens, observation["spectral_efficiency"])
        return BatchingArrays(
            visible=visible,
            prompt_tokens=prompt,
            output_tokens=output,
            quality_demand=requests[..., _REQUEST["quality_demand"]],
            value=requests[..., _REQUEST["value"]] * self._scales.value,
            waiting_s=requests[..., _REQUEST["waiting_time"]] * self._scales.budget_s,
            time_left_s=time_left_s,
            time_s=time_s,
            shared_time_s=shared_time_s,
            kv_bytes=kv_bytes,
            uplink_share=uplink_share,
            downlink_share=downlink_share,
            budget_s=self._budgets_s(visible, requests[..., _REQUEST["quality_demand"]], time_left_s, busy_s),
            busy_s=busy_s,
            free_kv_bytes=nodes[..., _NODE["free_kv_bytes"]] * self._kv_capacity_bytes * (1.0 - MARGIN),
            slack_s=np.full_like(busy_s, np.inf),
        )

    def _busy_s(self, nodes: Array) -> Array:
        """[R, K] time in s until each node is free, from its features [R, K, F]."""
        busy_s: Array = nodes[..., _NODE["time_until_free"]] * self.scenario.epoch_s
        return busy_s

    def _entry_costs(self, prompt_tokens: Array, output_tokens: Array) -> Array:
        """[3, R, N, K] WORK, SHARED and KV of all blocks of the entry nodes, for token counts [R, N]."""
        costs = self._costs.costs(prompt_tokens.ravel(), output_tokens.ravel())
        return costs[..., self._costs.last_hosted[self._entry_nodes]].reshape(3, *prompt_tokens.shape, -1)

    def _net_of_uplink(self, value: Array) -> Array:
        """`value` less the price of a device's transmission, at least 0."""
        return np.maximum(value - self._uplink_price, 0.0)

    def _budgets_s(self, visible: Array, quality_demand: Array, time_left_s: Array, busy_s: Array) -> Array:
        """[R, N, K] longest batch that meets the request's deadline, less a margin; -1 where quality is too low."""
        slots_s = self.scenario.uplink_slot_s + self.scenario.downlink_slot_s
        left_s, busy_s = time_left_s[..., None], busy_s[:, None, :]
        budget_s = left_s - busy_s - slots_s - MARGIN * (left_s + busy_s + 1.0)
        return np.where(self.has_quality(quality_demand) & visible[..., None], budget_s, -1.0)

    def has_quality(self, quality_demand: Array) -> Array:
        """[..., K] bool, whether the quality factor of each entry node reaches the demands [...], with a margin."""
        good: Array = self._quality >= quality_demand[..., None] + MARGIN
        return good

    def _shares(self, requests: Array, more_tokens: Array, observed_efficiency: Array) -> tuple[Array, Array]:
        """Minimum shares [R, N, K] of the uplink and downlink bands, plus a margin.

        more_tokens [R, N] are output tokens beyond the predicted ones, which are in the observed bits.
        """
        efficiency = np.asarray(observed_efficiency, np.float64) * self._scales.efficiency
        up_bits = requests[..., _REQUEST["uplink_bits"], None] * self._scales.uplink_bits * (1.0 + MARGIN)
        down_bits = requests[..., _REQUEST["downlink_bits"]] * self._scales.downlink_bits
        down_bits += more_tokens * self.scenario.requests.bits_per_token
        down_bits = down_bits[..., None] * (1.0 + MARGIN)
        band_hz, scenario = self._band_hz, self.scenario
        up_bps = rate_bps(1.0, band_hz[:, UPLINK], efficiency[..., UPLINK])
        down_bps = rate_bps(1.0, band_hz[:, DOWNLINK], efficiency[..., DOWNLINK])
        up = minimum_share(up_bits, scenario.uplink_slot_s * up_bps)
        down = minimum_share(down_bits, scenario.downlink_slot_s * down_bps)
        return up, down

    def _urgent(self, rows: BatchingArrays) -> Array:
        """[R, N] bool: on every node, the request alone would miss its budget if it started one epoch later."""
        late: Array = rows.time_s + rows.shared_time_s + self.scenario.epoch_s > rows.budget_s
        urgent: Array = np.logical_and.reduce(late, axis=2)
        return urgent


def checked_overrun_s(scenario: Scenario, overrun_s: float | None) -> float:
    """The overrun in s, one epoch for None. Raises ValueError for a negative number and for NaN."""
    return scenario.epoch_s if overrun_s is None else real_number("overrun_s", overrun_s, infinite=True)


def batch_limits_s(scenario: Scenario, rows: BatchingArrays, overrun_s: Array | float) -> Array:
    """[R, K] longest batch in s that overruns the next one's start by `overrun_s` and makes no earlier request late."""
    return np.minimum(time_cap_s(scenario, rows.busy_s, overrun_s), rows.slack_s)


def time_cap_s(scenario: Scenario, busy_s: Array, overrun_s: Array | float) -> Array:
    """[..., K] longest batch in s of a node busy for `busy_s` that overruns the next batch's start by `overrun_s`."""
    return np.maximum(scenario.epoch_s + overrun_s - busy_s, 0.0)
