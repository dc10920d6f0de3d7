"""Observation of streaming dynamics: features, their scales, and the kernels that read the state."""

from functools import partial
from typing import NamedTuple

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel, row_kernel
from edge_llm_gym.held import Held, held_kernel
from edge_llm_gym.rows import repeated
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.exit_observation import (
    CONFIDENCE_BINS,
    QUANTILES,
    SEEN_EPOCHS,
    count_confidences,
    histogram_quantiles,
    link_features,
)
from edge_llm_gym.sim.node_costs import node_costs
from edge_llm_gym.sim.observing import Observer, Reading
from edge_llm_gym.sim.pooled.observation import BUSY_CAP, COUNT_CAP
from edge_llm_gym.sim.row_workers import Piece
from edge_llm_gym.sim.simulator import Simulator
from edge_llm_gym.sim.streaming.constants import streaming_constants
from edge_llm_gym.sim.streaming.prefetching import prefetch_observation
from edge_llm_gym.sim.streaming.records import StreamingParameters, StreamingState, StreamingTape

LIVE_NODE_FEATURES = (
    "committed",  # time after the epoch that requests in the network occupy, in epochs, clipped at BUSY_CAP
    "utilisation",  # busy share of the last epoch
    "sent",  # requests that the last action sent to the node / mean arrivals per epoch, clipped at COUNT_CAP
    "speed",  # at the start of the coming epoch, / the node's own: below 1 while it is slowed down
)
NODE_FEATURES = (
    *LIVE_NODE_FEATURES,
    # constant over an episode, so that a policy can tell heterogeneous nodes apart
    "stage",  # 1 for the last one
    "service",  # mean service time of a request at the node's own speed / that of the slowest node
    "flops",  # usable, / 1e15 FLOP/s
    "memory_bandwidth",  # / 1e13 B/s
    "uplink_hz",  # / 1e9, 0 where no device reaches the node
    "downlink_hz",
    "quality",
)
COMMITTED, UTILISATION, SENT, SPEED = range(len(LIVE_NODE_FEATURES))
CONSTANT_SCALES = np.array([1.0, 1.0, 1e15, 1e13, 1e9, 1e9, 1.0])


class StreamingScales(NamedTuple):
    """Divisors that bring features to about [0, 1], and the features that do not change."""

    efficiency: float
    device_arrivals: float  # of one device, mean per epoch
    arrivals: float  # of all devices
    nodes: Array  # [K, F] float32, already scaled, 0 where a feature is live
    links: Array  # [K, K, 3] float32, already scaled
    quantiles: Array  # [Q] float64


class StreamingObservation(NamedTuple):
    """Arrays of R rows: the fields are the keys of the observation. "Mean" is the mean of the scenario."""

    spectral_efficiency: Array  # [R, D, K1, 2] float32, / cap, to the entry nodes, up and down
    nodes: Array  # [R, K, F] float32
    links: Array  # [R, K, K, 3] float32, from row to column
    exit_confidence: Array  # [R, E, Q] float32, QUANTILES of the confidences seen, 0 at an exit without any
    arrivals: Array  # [R, D] float32, arrivals of the last epoch / mean arrivals of a device per epoch
    backlog: Array  # [R, K] float32, requests in the network that the node has not finished / mean arrivals per epoch


def streaming_scales(scenario: Scenario) -> StreamingScales:
    """Scales of a scenario."""
    constants = streaming_constants(scenario)
    network, arrivals = constants.network, constants.rate_per_s * scenario.epoch_s
    service_s, _ = constants.whole_service()
    return StreamingScales(
        efficiency=scenario.channel.spectral_efficiency_cap,
        device_arrivals=arrivals / scenario.devices.count,
        arrivals=arrivals,
        nodes=_node_constants(scenario, service_s),
        links=link_features(network),
        quantiles=np.array(QUANTILES),
    )


def _node_constants(scenario: Scenario, service_s: Array) -> Array:
    network = scenario.network
    columns = [
        (network.stage + 1) / network.stages,
        service_s / service_s.max(),
        [costs.rates.usable_flops for costs in node_costs(scenario)],
        [costs.rates.usable_bandwidth for costs in node_costs(scenario)],
        [node.uplink_hz for node in scenario.nodes],
        [node.downlink_hz for node in scenario.nodes],
        [costs.quality for costs in node_costs(scenario)],
    ]
    constants = np.minimum(np.stack(columns, axis=-1) / CONSTANT_SCALES, 1.0).astype(np.float32)
    return np.pad(constants, ((0, 0), (len(LIVE_NODE_FEATURES), 0)))


@kernel
def _count_confidences(
    parameters: StreamingParameters, tape: StreamingTape, state: StreamingState, row: int, now_s: float, count: Array
) -> None:
    """Fills count [E, bins] with the confidences of the requests of the last epochs, where computed by now."""
    confidence, last_block, log = tape.exits.confidence[row], parameters.network.last_block, state.requests
    node, finish_s, exit_block = log.node[row], log.finish_s[row], log.exit_block[row]
    count[:] = 0
    oldest = state.first_of_epoch[row, max(state.epoch[row] - SEEN_EPOCHS, 0)]
    for request in range(oldest, state.next_arrival[row]):
        count_confidences(confidence, node, finish_s, exit_block, last_block, request, now_s, count)


@kernel
def _scale(values: Array, divisor: float, highest: float, out: Array) -> None:
    """Fills out with values / divisor, clipped; both flat."""
    for index in range(out.size):
        out[index] = min(values[index] / divisor, highest)


@kernel
def _observe_nodes(
    parameters: StreamingParameters, state: StreamingState, row: int, arrivals: float, out: Array
) -> None:
    """Fills the live features of out [K, F]."""
    epoch_s, slowdown_factor = parameters.epoch_s, parameters.slowdown_factor[state.epoch[row]]
    servers = state.servers
    for node in range(out.shape[0]):
        out[node, COMMITTED] = min(servers.committed_s[row, node] / epoch_s, BUSY_CAP)
        out[node, UTILISATION] = min(servers.busy_last_s[row, node] / epoch_s, 1.0)
        out[node, SENT] = min(state.sent_last[row, node] / arrivals, COUNT_CAP)
        out[node, SPEED] = 1.0 / slowdown_factor[node]


@row_kernel
def observe_rows(
    parameters: StreamingParameters,
    tape: StreamingTape,
    state: StreamingState,
    scales: StreamingScales,
    out: StreamingObservation,
    count: Array,
    first: int,
    last: int,
) -> None:
    """Fills the changing part of `out` for the rows `first` to `last` - 1; count [E, bins] is work space.

    The constant features stand in `out` already.
    """
    for row in range(first, last):
        prefetch_observation(tape, state, min(row + 1, last - 1))
        efficiency, seen = tape.channels.spectral_efficiency[row, state.epoch[row]], out.spectral_efficiency[row]
        _scale(efficiency.reshape(efficiency.size), scales.efficiency, np.inf, seen.reshape(seen.size))
        _scale(state.arrived_last[row], scales.device_arrivals, COUNT_CAP, out.arrivals[row])
        _scale(state.open_visits[row], scales.arrivals, COUNT_CAP, out.backlog[row])
        _observe_nodes(parameters, state, row, scales.arrivals, out.nodes[row])
        _count_confidences(parameters, tape, state, row, state.epoch[row] * parameters.epoch_s, count)
        for block in range(parameters.network.blocks):
            histogram_quantiles(count[block], scales.quantiles, out.exit_confidence[row, block])


@held_kernel
def observe_held(held: Held, scales: StreamingScales, out: StreamingObservation, first: int, last: int) -> None:
    """`observe_rows` with held records."""
    parameters, tape, state, _ = held.value
    count = np.empty((parameters.network.blocks, CONFIDENCE_BINS), np.int32)
    observe_rows(parameters, tape, state, scales, out, count, first, last)


class StreamingObserver(Observer):
    """Reads observations off a simulator with streaming dynamics; their keys are the fields of StreamingObservation."""

    def __init__(self, simulator: Simulator) -> None:
        super().__init__(simulator)
        self._scales = streaming_scales(simulator.scenario)

    def begin(self) -> Reading:
        """New arrays, and what writes them."""
        simulator, scales = self._simulator, self._scales
        rows, nodes, devices = simulator.rows, simulator.nodes, simulator.scenario.devices.count
        out = StreamingObservation(
            spectral_efficiency=np.empty((rows, *simulator.tape.channels.spectral_efficiency.shape[2:]), np.float32),
            nodes=repeated(scales.nodes, rows),
            links=repeated(scales.links, rows),
            exit_confidence=np.empty((rows, simulator.parameters.network.blocks, len(QUANTILES)), np.float32),
            arrivals=np.empty((rows, devices), np.float32),
            backlog=np.empty((rows, nodes), np.float32),
        )
        return Reading(out._asdict(), partial(self._write, out))

    def _write(self, out: StreamingObservation, piece: Piece) -> None:
        observe_held(self._simulator.held(piece.worker), self._scales, out, piece.first, piece.last)
