"""What is observed of a stream: features, their scales, and the compiled reading of the state."""

from typing import NamedTuple

import numpy as np
from numba import njit

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.exits import count_confidences
from edge_llm_gym.sim.node_costs import node_costs
from edge_llm_gym.sim.pooled.observation import BUSY_CAP, COUNT_CAP
from edge_llm_gym.sim.simulator import Simulator
from edge_llm_gym.sim.streaming.constants import streaming_constants
from edge_llm_gym.sim.streaming.records import StreamingParameters, StreamingState, StreamingTape

NODE_FEATURES = (
    "committed",  # time to come that is claimed by requests in the network, in epochs, clipped at BUSY_CAP
    "utilisation",  # busy share of the last epoch
    "sent",  # requests that the last action sent to the node / mean arrivals per epoch, clipped at COUNT_CAP
    "speed",  # at the start of the coming epoch, / the node's own: below 1 while it is slowed down
    # what follows is constant over an episode, so that a policy can tell unlike nodes apart
    "stage",  # 1 for the last one
    "service",  # mean time that a request takes there at its own speed / that of the slowest node
    "flops",  # usable, / 1e15 FLOP/s
    "memory_bandwidth",  # / 1e13 B/s
    "uplink_hz",  # / 1e9, 0 where no device reaches the node
    "downlink_hz",
    "quality",
)
LIVE_FEATURES = 4
CONSTANT_SCALES = np.array([1.0, 1.0, 1e15, 1e13, 1e9, 1e9, 1.0])
LINK_FEATURES = (
    "exists",
    "rate",  # / 1e11 bit/s
    "latency",  # / 1 s
)
LINK_SCALES = np.array([1.0, 1e11, 1.0])
SEEN_EPOCHS = 8
"""`exit_confidence` is over the requests that arrived in so many last epochs, as far as they have been computed."""
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
CONFIDENCE_BINS = 64
"""Quantiles come from a histogram, so they are exact to the width of a bin, 1 / 64."""


class StreamScales(NamedTuple):
    """Divisors that bring features to about [0, 1], and the features that do not change."""

    efficiency: float
    device_arrivals: float  # of one device, mean per epoch
    arrivals: float  # of all devices
    nodes: Array  # [K, F] float32, already scaled, 0 where a feature is live
    links: Array  # [K, K, 3] float32, already scaled
    quantiles: Array  # [Q] float64


class StreamObservation(NamedTuple):
    """Arrays of R rows: the fields are the keys of the observation. Constants per epoch mean the scenario's mean."""

    spectral_efficiency: Array  # [R, D, K1, 2] float32, / cap, to the nodes of the first stage; up and down
    nodes: Array  # [R, K, F] float32
    links: Array  # [R, K, K, 3] float32, from row to column
    exit_confidence: Array  # [R, E, Q] float32, quantiles of the confidences seen, 0 at an exit where none were
    arrivals: Array  # [R, D] float32, arrivals of the last epoch / mean arrivals of a device per epoch
    backlog: Array  # [R, K] float32, requests in the network that the node has yet to finish / mean arrivals per epoch


def stream_scales(scenario: Scenario) -> StreamScales:
    """Scales of a scenario."""
    constants = streaming_constants(scenario)
    network, arrivals = constants.network, constants.rate_per_s * scenario.epoch_s
    links = np.stack([network.has_link, network.rate_bps, network.latency_s], axis=-1) / LINK_SCALES
    service_s, _ = constants.whole_service()
    return StreamScales(
        efficiency=scenario.channel.spectral_efficiency_cap,
        device_arrivals=arrivals / scenario.devices.count,
        arrivals=arrivals,
        nodes=_node_constants(scenario, service_s),
        links=np.minimum(links, 1.0).astype(np.float32),
        quantiles=np.array(QUANTILES),
    )


def _node_constants(scenario: Scenario, service_s: Array) -> Array:
    network = scenario.network
    columns = [
        (network.stage + 1) / network.stages,
        service_s / service_s.max(),
        [costs.rates.usable_flops for costs in node_costs(scenario)],
        [costs.rates.memory_bandwidth for costs in node_costs(scenario)],
        [node.uplink_hz for node in scenario.nodes],
        [node.downlink_hz for node in scenario.nodes],
        [costs.quality for costs in node_costs(scenario)],
    ]
    constants = np.minimum(np.stack(columns, axis=-1) / CONSTANT_SCALES, 1.0).astype(np.float32)
    return np.pad(constants, ((0, 0), (LIVE_FEATURES, 0)))


@kernel
def _count_confidences(parameters, tape, state, row, now_s, count):  # type: ignore[no-untyped-def]
    """Fills count [E, bins] with the confidences of the requests of the last epochs, where computed by now."""
    confidence, last_block = tape.confidence[row], parameters.last_block
    visited, finish_s, exit_block = state.node[row], state.finish_s[row], state.exit_block[row]
    count[:] = 0
    oldest = state.first_of_epoch[row, max(state.epoch[row] - SEEN_EPOCHS, 0)]
    for request in range(oldest, state.next_arrival[row]):
        count_confidences(confidence, visited, finish_s, exit_block, last_block, request, now_s, count)


@kernel
def histogram_quantiles(count: Array, probabilities: Array, out: Array) -> None:
    """Fills out [Q] with quantiles of numbers in [0, 1] that count [bins] counts, spread evenly over their bins.

    `probabilities` [Q] ascend. Without any number, all quantiles are 0.
    """
    total, below, place = count.sum(), 0, 0
    out[:] = 0.0
    if total == 0:
        return
    for index in range(probabilities.size):
        wanted = probabilities[index] * total
        while count[place] == 0 or below + count[place] < wanted:
            below += count[place]
            place += 1
        out[index] = (place + (wanted - below) / count[place]) / count.size


@kernel
def _observe_confidences(parameters, tape, state, row, probabilities, count, out):  # type: ignore[no-untyped-def]
    """Fills out [E, Q]; `count` [E, bins] is work space."""
    _count_confidences(parameters, tape, state, row, state.epoch[row] * parameters.epoch_s, count)
    for block in range(out.shape[0]):
        histogram_quantiles(count[block], probabilities, out[block])


@kernel
def _scale(values, divisor, highest, out):  # type: ignore[no-untyped-def]
    """Fills out with values / divisor, clipped; both flat."""
    for place in range(out.size):
        out[place] = min(values[place] / divisor, highest)


@kernel
def _observe_nodes(parameters, state, row, arrivals, out):  # type: ignore[no-untyped-def]
    """Fills the live features of out [K, F]."""
    epoch_s, slowdown_factor = parameters.epoch_s, parameters.slowdown_factor[state.epoch[row]]
    committed_s, busy_s, sent = state.committed_s[row], state.busy_last_s[row], state.sent_last[row]
    for node in range(out.shape[0]):
        out[node, 0] = min(committed_s[node] / epoch_s, BUSY_CAP)
        out[node, 1] = min(busy_s[node] / epoch_s, 1.0)
        out[node, 2] = min(sent[node] / arrivals, COUNT_CAP)
        out[node, 3] = 1.0 / slowdown_factor[node]


@njit(cache=True)
def observe_rows(
    parameters: StreamingParameters,
    tape: StreamingTape,
    state: StreamingState,
    scales: StreamScales,
    out: StreamObservation,
) -> None:
    """Fills `out` with what every row shows now; what never changes stands there already."""
    count = np.empty((parameters.blocks, CONFIDENCE_BINS), np.int32)
    for row in range(out.arrivals.shape[0]):
        efficiency = tape.spectral_efficiency[row, state.epoch[row]]
        _scale(efficiency.ravel(), scales.efficiency, np.inf, out.spectral_efficiency[row].ravel())
        _scale(state.arrived_last[row], scales.device_arrivals, COUNT_CAP, out.arrivals[row])
        _scale(state.open_visits[row], scales.arrivals, COUNT_CAP, out.backlog[row])
        _observe_nodes(parameters, state, row, scales.arrivals, out.nodes[row])
        _observe_confidences(parameters, tape, state, row, scales.quantiles, count, out.exit_confidence[row])


class StreamingObserver:
    """Reads fresh observations off a simulator of streaming dynamics."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._scales = stream_scales(simulator.scenario)

    def observe(self) -> StreamObservation:
        """What every row shows now, in arrays of its own."""
        simulator = self._simulator
        rows, nodes, devices = simulator.rows, simulator.nodes, simulator.scenario.devices.count
        blocks = len(simulator.scenario.block_layers)
        out = StreamObservation(
            spectral_efficiency=np.empty((rows, *simulator.tape.spectral_efficiency.shape[2:]), np.float32),
            nodes=np.tile(self._scales.nodes, (rows, 1, 1)),
            links=np.tile(self._scales.links, (rows, 1, 1, 1)),
            exit_confidence=np.empty((rows, blocks, len(QUANTILES)), np.float32),
            arrivals=np.empty((rows, devices), np.float32),
            backlog=np.empty((rows, nodes), np.float32),
        )
        observe_rows(simulator.parameters, simulator.tape, simulator.state, self._scales, out)
        return out
