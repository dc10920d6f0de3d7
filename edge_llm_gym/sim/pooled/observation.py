"""What is observed of an epoch-admission state: features, their scales, and the compiled reading of the state."""

from typing import NamedTuple

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.columns import DOWNLINK, UPLINK
from edge_llm_gym.sim.node_costs import node_costs
from edge_llm_gym.sim.pooled.admission import decision_time_s, free_kv_bytes, shown
from edge_llm_gym.sim.pooled.records import Parameters, State, Tape
from edge_llm_gym.sim.simulator import Simulator

REQUEST_FEATURES = (
    "prompt_tokens",  # / lengths.max_prompt_tokens
    "output_tokens",  # / lengths.max_output_tokens
    "uplink_bits",  # / the most that a request can carry
    "downlink_bits",
    "waiting_time",  # / longest latency budget
    "time_left",  # time to the deadline / longest latency budget
    "quality_demand",
    "value",  # / largest value
)
NODE_FEATURES = (
    "time_until_free",  # time until the node is free after this uplink slot, in epochs, clipped at BUSY_CAP
    "free_kv_bytes",  # memory free for KV caches / kv_capacity_bytes
    # what follows is constant over an episode, so that a policy can tell unlike nodes apart
    "flops",  # usable, / 1e15 FLOP/s
    "memory_bandwidth",  # / 1e13 B/s
    "weights",  # streamed by a decode step, / 1e12 B
    "kv_capacity_bytes",  # / 1e12 B
    "uplink_hz",  # / 1e9
    "downlink_hz",  # / 1e9
    "quality",
)
BUSY_CAP = 1000.0
CONSTANT_SCALES = np.array([1e15, 1e13, 1e12, 1e12, 1e9, 1e9, 1.0])
COUNT_CAP = 1000.0


class Scales(NamedTuple):
    """Divisors that bring features to about [0, 1]."""

    prompt_tokens: float
    output_tokens: float
    uplink_bits: float
    downlink_bits: float
    budget_s: float
    value: float
    efficiency: float
    node_constants: Array  # [K, 7], already scaled


class Observation(NamedTuple):
    """Arrays of R rows: the fields are the keys of the observation."""

    requests: Array  # [R, N, F] float32
    request_mask: Array  # [R, N] int8
    spectral_efficiency: Array  # [R, N, K, 2] float32, / cap
    nodes: Array  # [R, K, F] float32
    arrivals: Array  # [R, 1] float32, arrivals of the last epoch / N
    backlog: Array  # [R, 1] float32, pending requests without a slot / N


def observation_scales(scenario: Scenario) -> Scales:
    """Scales of a scenario."""
    wants, limits = scenario.requests, scenario.lengths
    up_bits = wants.bits_per_token * limits.max_prompt_tokens + wants.uplink_payload.bits[1]
    down_bits = wants.bits_per_token * limits.max_output_tokens + wants.downlink_payload.bits[1]
    return Scales(
        prompt_tokens=float(limits.max_prompt_tokens),
        output_tokens=float(limits.max_output_tokens),
        uplink_bits=max(up_bits, 1.0),
        downlink_bits=max(down_bits, 1.0),
        budget_s=scenario.max_budget_s,
        value=wants.value[1],
        efficiency=scenario.channel.spectral_efficiency_cap,
        node_constants=_node_constants(scenario),
    )


def _node_constants(scenario: Scenario) -> Array:
    rows = [
        (
            costs.rates.usable_flops,
            costs.rates.memory_bandwidth,
            costs.rates.weight_bytes,
            costs.room_bytes,
            node.uplink_hz,
            node.downlink_hz,
            costs.quality,
        )
        for node, costs in zip(scenario.nodes, node_costs(scenario), strict=True)
    ]
    return np.minimum(np.array(rows) / CONSTANT_SCALES, 1.0)


@kernel
def _observe_requests(parameters, tape, state, scales, row, out):  # type: ignore[no-untyped-def]
    epoch = state.epoch[row]
    now_s = decision_time_s(parameters, epoch)
    for slot in range(shown(parameters, state, row)):
        request = state.queue[row, slot]
        features = out.requests[row, slot]
        features[0] = tape.prompt_tokens[row, request] / scales.prompt_tokens
        features[1] = tape.output_tokens[row, request] / scales.output_tokens
        features[2] = tape.bits[row, request, UPLINK] / scales.uplink_bits
        features[3] = tape.bits[row, request, DOWNLINK] / scales.downlink_bits
        features[4] = (now_s - tape.arrival_s[row, request]) / scales.budget_s
        features[5] = max(tape.deadline_s[row, request] - now_s, 0.0) / scales.budget_s
        features[6] = tape.accuracy[row, request]
        features[7] = tape.value[row, request] / scales.value
        out.request_mask[row, slot] = 1
        efficiency = tape.spectral_efficiency[row, epoch, tape.device[row, request]]
        for node in range(efficiency.shape[0]):
            out.spectral_efficiency[row, slot, node, UPLINK] = efficiency[node, UPLINK] / scales.efficiency
            out.spectral_efficiency[row, slot, node, DOWNLINK] = efficiency[node, DOWNLINK] / scales.efficiency


@kernel
def _observe_nodes(parameters, state, scales, row, out):  # type: ignore[no-untyped-def]
    uplink_ends_s = decision_time_s(parameters, state.epoch[row]) + parameters.uplink_slot_s
    for node in range(parameters.room_bytes.size):
        busy_s = max(state.node_free_s[row, node] - uplink_ends_s, 0.0)
        room_bytes = max(free_kv_bytes(parameters, state, row, node), 0.0)
        out.nodes[row, node, 0] = min(busy_s / parameters.epoch_s, BUSY_CAP)
        out.nodes[row, node, 1] = room_bytes / parameters.room_bytes[node]
        for column in range(scales.node_constants.shape[1]):
            out.nodes[row, node, 2 + column] = scales.node_constants[node, column]


@kernel
def observe_row(parameters, tape, state, scales, row, out):  # type: ignore[no-untyped-def]
    """Fills a row of `out`, all zeros before, with the requests and nodes that it shows now."""
    _observe_requests(parameters, tape, state, scales, row, out)
    _observe_nodes(parameters, state, scales, row, out)
    hidden = state.queue_length[row] - shown(parameters, state, row)
    out.arrivals[row, 0] = min(state.arrived_last[row] / parameters.slots, COUNT_CAP)
    out.backlog[row, 0] = min(hidden / parameters.slots, COUNT_CAP)


@kernel
def observe_rows(parameters: Parameters, tape: Tape, state: State, scales: Scales, out: Observation) -> None:
    """Fills `out`, all zeros before, with what every row shows now."""
    for row in range(out.arrivals.shape[0]):
        observe_row(parameters, tape, state, scales, row, out)


class Observer:
    """Reads fresh observations off a simulator."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._scales = observation_scales(simulator.scenario)

    def observe(self) -> Observation:
        """What every row shows now, in arrays of its own."""
        simulator = self._simulator
        rows, slots, nodes = simulator.rows, simulator.scenario.slots, simulator.nodes
        out = Observation(
            requests=np.zeros((rows, slots, len(REQUEST_FEATURES)), np.float32),
            request_mask=np.zeros((rows, slots), np.int8),
            spectral_efficiency=np.zeros((rows, slots, nodes, 2), np.float32),
            nodes=np.zeros((rows, nodes, len(NODE_FEATURES)), np.float32),
            arrivals=np.zeros((rows, 1), np.float32),
            backlog=np.zeros((rows, 1), np.float32),
        )
        observe_rows(simulator.parameters, simulator.tape, simulator.state, self._scales, out)
        return out
