"""What an expert reads off an observation: the epoch's assignment problem over the requests that are shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.models.channel import minimum_share
from edge_llm_gym.problems import AssignmentProblem, BatchProblem
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.columns import DOWNLINK, UPLINK
from edge_llm_gym.sim.pooled.observation import NODE_FEATURES, REQUEST_FEATURES, Scales, observation_scales
from edge_llm_gym.sim.request_costs import RequestCosts

MARGIN = 1e-6
"""Relative slack that experts leave everywhere: observations are float32, the transition computes in float64."""
_REQUEST = {name: column for column, name in enumerate(REQUEST_FEATURES)}
_NODE = {name: column for column, name in enumerate(NODE_FEATURES)}


class BatchingArrays(NamedTuple):
    """The problems of R rows at once: N slots, K nodes that devices reach.

    An empty slot can go nowhere: its budget is -1 s.
    """

    shown: Array  # [R, N] bool, whether there is a request in the slot
    prompt_tokens: Array  # [R, N]
    output_tokens: Array  # [R, N]
    accuracy: Array  # [R, N] demanded quality
    value: Array  # [R, N]
    waited_s: Array  # [R, N]
    left_s: Array  # [R, N] time to the deadline
    time_s: Array  # [R, N, K] w
    shared_time_s: Array  # [R, N, K] v
    kv_bytes: Array  # [R, N, K]
    uplink_share: Array  # [R, N, K] least share
    downlink_share: Array  # [R, N, K]
    budget_s: Array  # [R, N, K], -1 where the node's answers are not good enough
    busy_s: Array  # [R, K] time from the end of this uplink slot until the node is free
    room_bytes: Array  # [R, K]


@dataclass(frozen=True)
class Epoch:
    """One epoch as an expert sees it; n requests are shown, K nodes exist."""

    problem: AssignmentProblem  # over the n shown requests
    waited_s: Array  # [n]
    left_s: Array  # [n] time to the deadline
    busy_s: Array  # [K] time from the end of this uplink slot until the node is free
    urgent: Array  # [n] bool, no node could serve the request if it waited for another epoch


class BatchingReader:
    """Turns observations of one scenario into epochs.

    `overrun_s` says how far a batch may run past the end of the next uplink slot, when the next batch could begin;
    infinite for no limit.
    """

    def __init__(self, scenario: Scenario, overrun_s: float = np.inf) -> None:
        self.scenario = scenario
        self._overrun_s = checked_overrun_s(scenario, overrun_s)
        self._stations, self._costs = scenario.network.entry_nodes, RequestCosts(scenario)
        costs = [self._costs.nodes[index] for index in self._stations]
        self._quality = np.array([each.quality for each in costs])
        self._room_bytes = np.array([each.kv_capacity_bytes for each in costs])
        nodes = [scenario.nodes[index] for index in self._stations]
        self._band_hz = np.array([(node.uplink_hz, node.downlink_hz) for node in nodes])
        self._scales: Scales = observation_scales(scenario)

    def read(self, observation: Mapping[str, Array]) -> Epoch:
        """The epoch behind the observation of one row."""
        rows = self.read_rows({key: np.asarray(value)[None] for key, value in observation.items()})
        return self.epoch_of(rows, 0)

    def epoch_of(self, rows: BatchingArrays, row: int) -> Epoch:
        """One row of many, over the n requests that it shows."""
        shown = rows.shown[row]
        cap_s = time_cap_s(self.scenario, rows.busy_s[row], self._overrun_s)
        problem = AssignmentProblem(
            tuple(
                BatchProblem(
                    time_s=rows.time_s[row, shown, node],
                    shared_time_s=rows.shared_time_s[row, shown, node],
                    kv_bytes=rows.kv_bytes[row, shown, node],
                    uplink_share=rows.uplink_share[row, shown, node],
                    downlink_share=rows.downlink_share[row, shown, node],
                    budget_s=rows.budget_s[row, shown, node],
                    value=rows.value[row, shown],
                    memory_bytes=rows.room_bytes[row, node],
                    time_cap_s=cap_s[node],
                )
                for node in range(self._stations.size)
            )
        )
        return Epoch(
            problem=problem,
            waited_s=rows.waited_s[row, shown],
            left_s=rows.left_s[row, shown],
            busy_s=rows.busy_s[row],
            urgent=self._urgent(problem),
        )

    def read_rows(self, observation: Mapping[str, Array]) -> BatchingArrays:
        """The problems behind the observations of R rows."""
        shown = np.asarray(observation["request_mask"]).astype(bool)
        requests = np.asarray(observation["requests"], np.float64)
        nodes = np.asarray(observation["nodes"], np.float64)[:, self._stations]
        busy_s = nodes[..., _NODE["time_until_free"]] * self.scenario.epoch_s
        left_s = requests[..., _REQUEST["time_left"]] * self._scales.budget_s
        prompt = np.rint(requests[..., _REQUEST["prompt_tokens"]] * self._scales.prompt_tokens)
        output = np.rint(requests[..., _REQUEST["output_tokens"]] * self._scales.output_tokens)
        claims = self._costs.costs(prompt.ravel(), output.ravel())[..., self._costs.last_hosted[self._stations]]
        time_s, shared_time_s, kv_bytes = claims.reshape(3, *shown.shape, -1)
        uplink_share, downlink_share = self._shares(requests, observation["spectral_efficiency"])
        return BatchingArrays(
            shown=shown,
            prompt_tokens=prompt,
            output_tokens=output,
            accuracy=requests[..., _REQUEST["quality_demand"]],
            value=requests[..., _REQUEST["value"]] * self._scales.value,
            waited_s=requests[..., _REQUEST["waiting_time"]] * self._scales.budget_s,
            left_s=left_s,
            time_s=time_s,
            shared_time_s=shared_time_s,
            kv_bytes=kv_bytes,
            uplink_share=uplink_share,
            downlink_share=downlink_share,
            budget_s=self._budgets_s(shown, requests[..., _REQUEST["quality_demand"]], left_s, busy_s),
            busy_s=busy_s,
            room_bytes=nodes[..., _NODE["free_kv_bytes"]] * self._room_bytes * (1.0 - MARGIN),
        )

    def _budgets_s(self, shown: Array, accuracy: Array, left_s: Array, busy_s: Array) -> Array:
        """[R, N, K] time that a batch with the request may take, a margin taken off."""
        slots_s = self.scenario.uplink_slot_s + self.scenario.downlink_slot_s
        left_s, busy_s = left_s[..., None], busy_s[:, None, :]
        budget_s = left_s - busy_s - slots_s - MARGIN * (left_s + busy_s + 1.0)
        good = self._quality >= accuracy[..., None] + MARGIN
        return np.where(good & shown[..., None], budget_s, -1.0)

    def _shares(self, requests: Array, observed_efficiency: Array) -> tuple[Array, Array]:
        """Minimum shares [R, N, K] up and down, a margin added."""
        efficiency = np.asarray(observed_efficiency, np.float64) * self._scales.efficiency
        up_bits = requests[..., _REQUEST["uplink_bits"], None] * self._scales.uplink_bits * (1.0 + MARGIN)
        down_bits = requests[..., _REQUEST["downlink_bits"], None] * self._scales.downlink_bits * (1.0 + MARGIN)
        band_hz, scenario = self._band_hz, self.scenario
        up = minimum_share(up_bits, scenario.uplink_slot_s, band_hz[:, UPLINK], efficiency[..., UPLINK])
        down = minimum_share(down_bits, scenario.downlink_slot_s, band_hz[:, DOWNLINK], efficiency[..., DOWNLINK])
        return up, down

    def _urgent(self, problem: AssignmentProblem) -> Array:
        """[n] bool: alone on every node, a start one epoch later would miss the budget."""
        urgent = np.ones(problem.request_count, np.bool_)
        for node in problem.nodes:
            urgent &= node.time_s + node.shared_time_s + self.scenario.epoch_s > node.budget_s
        return urgent


def checked_overrun_s(scenario: Scenario, overrun_s: float | None) -> float:
    """The overrun, one epoch when left out. Raises ValueError for a negative one and for NaN."""
    overrun_s = scenario.epoch_s if overrun_s is None else overrun_s
    if not overrun_s >= 0:
        raise ValueError(f"overrun_s must be zero or more, got {overrun_s!r}")
    return overrun_s


def time_cap_s(scenario: Scenario, busy_s: Array, overrun_s: Array | float) -> Array:
    """Longest batch of a node that is busy for so long yet and may overrun the next batch's start by so much."""
    return np.maximum(scenario.epoch_s + overrun_s - busy_s, 0.0)
