"""What an expert reads off an observation: the epoch's assignment problem over the requests that are shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edge_llm_gym.models.channel import minimum_share
from edge_llm_gym.problems import AssignmentProblem, BatchProblem
from edge_llm_gym.sim.observation import NODE_FEATURES, REQUEST_FEATURES, Scales, observation_scales
from edge_llm_gym.sim.scenario import Scenario
from edge_llm_gym.sim.state import DOWNLINK, UPLINK, Array
from edge_llm_gym.sim.tape import NodeCosts, node_costs, request_costs

MARGIN = 1e-6
"""Relative slack that experts leave everywhere: observations are float32, the transition computes in float64."""
_REQUEST = {name: column for column, name in enumerate(REQUEST_FEATURES)}
_NODE = {name: column for column, name in enumerate(NODE_FEATURES)}


@dataclass(frozen=True)
class Epoch:
    """One epoch as an expert sees it; n requests are shown, K nodes exist."""

    problem: AssignmentProblem  # over the n shown requests
    waited_s: Array  # [n]
    left_s: Array  # [n] time to the deadline
    busy_s: Array  # [K] time from the end of this uplink slot until the node is free
    urgent: Array  # [n] bool, no node could serve the request if it waited for another epoch


class EpochReader:
    """Turns observations of one scenario into epochs.

    `overrun_s` says how far a batch may run past the end of the next uplink slot, when the next batch could begin;
    infinite for no limit.
    """

    def __init__(self, scenario: Scenario, overrun_s: float = np.inf) -> None:
        if not overrun_s >= 0:
            raise ValueError(f"overrun_s must be zero or more, got {overrun_s!r}")
        self.scenario = scenario
        self._overrun_s = overrun_s
        self._costs = node_costs(scenario)
        self._scales: Scales = observation_scales(scenario)

    def read(self, observation: Mapping[str, Array]) -> Epoch:
        """The epoch behind the observation of one row."""
        shown = np.asarray(observation["request_mask"]).astype(bool)
        requests = np.asarray(observation["requests"], np.float64)[shown]
        efficiency = np.asarray(observation["spectral_efficiency"], np.float64)[shown] * self._scales.efficiency
        nodes = np.asarray(observation["nodes"], np.float64)
        left_s = requests[:, _REQUEST["left"]] * self._scales.budget_s
        busy_s = nodes[:, _NODE["busy"]] * self.scenario.epoch_s
        room_bytes = nodes[:, _NODE["room"]] * [costs.room_bytes for costs in self._costs]
        costs = request_costs(self.scenario, self._costs, *self._tokens(requests))
        problem = AssignmentProblem(
            tuple(
                self._node_problem(
                    index,
                    requests,
                    [cost[:, index] for cost in costs],
                    self._shares(index, requests, efficiency[:, index]),
                    left_s,
                    busy_s[index],
                    room_bytes[index],
                )
                for index in range(len(self._costs))
            )
        )
        return Epoch(
            problem=problem,
            waited_s=requests[:, _REQUEST["waited"]] * self._scales.budget_s,
            left_s=left_s,
            busy_s=busy_s,
            urgent=self._urgent(problem),
        )

    def _node_problem(
        self,
        index: int,
        requests: Array,
        costs: Sequence[Array],
        shares: tuple[Array, Array],
        left_s: Array,
        busy_s: float,
        room_bytes: float,
    ) -> BatchProblem:
        """The problem of one node: costs are work_s, shared_s and kv_bytes [n], shares those up and down [n]."""
        scenario = self.scenario
        time_s, shared_time_s, kv_bytes = costs
        slots_s = scenario.uplink_slot_s + scenario.downlink_slot_s
        budget_s = left_s - busy_s - slots_s - MARGIN * (left_s + busy_s + 1.0)
        cap_s = max(scenario.epoch_s + self._overrun_s - busy_s, 0.0)
        return BatchProblem(
            time_s=time_s,
            shared_time_s=shared_time_s,
            kv_bytes=kv_bytes,
            uplink_share=shares[UPLINK],
            downlink_share=shares[DOWNLINK],
            budget_s=np.where(self._is_good_enough(self._costs[index], requests), budget_s, -1.0),
            value=requests[:, _REQUEST["value"]] * self._scales.value,
            memory_bytes=room_bytes * (1.0 - MARGIN),
            time_cap_s=cap_s,
        )

    def _tokens(self, requests: Array) -> tuple[Array, Array]:
        prompt = np.rint(requests[:, _REQUEST["prompt_tokens"]] * self._scales.prompt_tokens)
        output = np.rint(requests[:, _REQUEST["output_tokens"]] * self._scales.output_tokens)
        return prompt, output

    def _shares(self, index: int, requests: Array, efficiency: Array) -> tuple[Array, Array]:
        """Minimum shares [n] up and down on a node, a margin added."""
        scenario, node = self.scenario, self.scenario.nodes[index]
        up_bits = requests[:, _REQUEST["uplink_bits"]] * self._scales.uplink_bits * (1.0 + MARGIN)
        down_bits = requests[:, _REQUEST["downlink_bits"]] * self._scales.downlink_bits * (1.0 + MARGIN)
        up = minimum_share(up_bits, scenario.uplink_slot_s, node.uplink_hz, efficiency[:, UPLINK])
        down = minimum_share(down_bits, scenario.downlink_slot_s, node.downlink_hz, efficiency[:, DOWNLINK])
        return up, down

    def _is_good_enough(self, costs: NodeCosts, requests: Array) -> Array:
        """[n] bool, whether the node's quality meets each request's demand."""
        return costs.quality >= requests[:, _REQUEST["accuracy"]] + MARGIN

    def _urgent(self, problem: AssignmentProblem) -> Array:
        """[n] bool: alone on every node, a start one epoch later would miss the budget."""
        urgent = np.ones(problem.request_count, np.bool_)
        for node in problem.nodes:
            urgent &= node.time_s + node.shared_time_s + self.scenario.epoch_s > node.budget_s
        return urgent
