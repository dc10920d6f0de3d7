"""Observation of pooled dynamics: features, their scales, and the kernels that read the state."""

from functools import partial
from typing import NamedTuple

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel, row_kernel
from edge_llm_gym.compiled.prefetch import prefetch
from edge_llm_gym.held import Held, held_kernel
from edge_llm_gym.rows import repeated
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.columns import DOWNLINK, UPLINK
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
from edge_llm_gym.sim.pooled.admission import reservable_bytes
from edge_llm_gym.sim.pooled.clock import decision_time_s, visible_count
from edge_llm_gym.sim.pooled.expectations import expected_free_s
from edge_llm_gym.sim.pooled.prefetching import prefetch_observation
from edge_llm_gym.sim.pooled.records import (
    BatchLog,
    PooledParameters,
    PooledState,
    PooledTape,
    PredictionLog,
    QueueState,
)
from edge_llm_gym.sim.records import RequestTape
from edge_llm_gym.sim.row_workers import Piece
from edge_llm_gym.sim.simulator import Simulator

REQUEST_FEATURES = (
    "prompt_tokens",  # / lengths.max_prompt_tokens
    "output_tokens",  # as predicted / lengths.max_output_tokens
    "uplink_bits",  # / the most that a request can carry
    "downlink_bits",  # for the predicted output tokens
    "waiting_time",  # / longest latency budget
    "time_left",  # time to the deadline / longest latency budget
    "quality_demand",
    "value",  # / largest value
)
LIVE_NODE_FEATURES = (
    "time_until_free",  # after this uplink slot, in epochs, clipped at BUSY_CAP; as expected from predictions
    "free_kv_bytes",  # not reserved / kv_capacity_bytes
)
CONSTANT_NODE_FEATURES = (
    # constant over an episode, so that a policy can tell heterogeneous nodes apart
    "flops",  # usable, / 1e15 FLOP/s
    "memory_bandwidth",  # / 1e13 B/s
    "weights",  # streamed by a decode step, / 1e12 B
    "kv_capacity_bytes",  # / 1e12 B
    "uplink_hz",  # / 1e9
    "downlink_hz",  # / 1e9
    "quality",
)
NODE_FEATURES = (*LIVE_NODE_FEATURES, *CONSTANT_NODE_FEATURES)
"""Of `dynamics: batching`."""
ROUTING_NODE_FEATURES = (
    *NODE_FEATURES,
    "stage",  # 1 for the last one; constant too
)
"""Of `dynamics: batching_routing`."""
SEQUENCE_FEATURES = (
    "remaining_work",  # of all sequences on the node, w summed, in epochs, clipped at BUSY_CAP
    "slack",  # work that the node could add without making a sequence late / longest latency budget, 1 if it is idle
    "sequences",  # on the node / N
)
CONTINUOUS_NODE_FEATURES = (*NODE_FEATURES, *SEQUENCE_FEATURES)
"""Of `dynamics: batching` with `batching: continuous`, where "time_until_free" and "free_kv_bytes" count what the
sequences on the node will still take and have reserved."""
PROMPT_TOKENS, OUTPUT_TOKENS, UPLINK_BITS, DOWNLINK_BITS, WAITING_TIME, TIME_LEFT, QUALITY_DEMAND, VALUE = range(
    len(REQUEST_FEATURES)
)
TIME_UNTIL_FREE, FREE_KV_BYTES = range(len(LIVE_NODE_FEATURES))
FIRST_CONSTANT = len(LIVE_NODE_FEATURES)
BUSY_CAP = 1000.0
COUNT_CAP = 1000.0
CONSTANT_SCALES = np.array([1e15, 1e13, 1e12, 1e12, 1e9, 1e9, 1.0])


class Scales(NamedTuple):
    """Divisors that bring features to about [0, 1], and the features that do not change."""

    prompt_tokens: float
    output_tokens: float
    uplink_bits: float
    downlink_bits: float
    budget_s: float
    value: float
    efficiency: float
    node_constants: Array  # [K, F - 2] float64, already scaled


class RequestQueueObservation(NamedTuple):
    """Keys that both pooled dynamics observe, for R rows. K1 nodes of the first stage, K nodes."""

    requests: Array  # [R, N, F] float32, REQUEST_FEATURES, earliest deadline first
    request_mask: Array  # [R, N] int8
    spectral_efficiency: Array  # [R, N, K1, 2] float32, / cap
    nodes: Array  # [R, K, F] float32, NODE_FEATURES or ROUTING_NODE_FEATURES
    arrivals: Array  # [R, 1] float32, arrivals of the last epoch / N
    backlog: Array  # [R, 1] float32, pending requests without a slot / N


class RoutingObservation(NamedTuple):
    """Keys that only `batching_routing` observes, for R rows."""

    links: Array  # [R, K, K, 3] float32, LINK_FEATURES, from row to column
    exit_confidence: Array  # [R, E, Q] float32, QUANTILES of the confidences seen, 0 at an exit without any


def observation_scales(scenario: Scenario) -> Scales:
    """Scales of a scenario; node constants are those of its dynamics."""
    requests, limits = scenario.requests, scenario.lengths
    up_bits = requests.bits_per_token * limits.max_prompt_tokens + requests.uplink_payload.bits[1]
    down_bits = requests.bits_per_token * limits.max_output_tokens + requests.downlink_payload.bits[1]
    return Scales(
        prompt_tokens=float(limits.max_prompt_tokens),
        output_tokens=float(limits.max_output_tokens),
        uplink_bits=max(up_bits, 1.0),
        downlink_bits=max(down_bits, 1.0),
        budget_s=scenario.max_budget_s,
        value=requests.value[1],
        efficiency=scenario.channel.spectral_efficiency_cap,
        node_constants=_node_constants(scenario),
    )


def _node_constants(scenario: Scenario) -> Array:
    rows = [
        (
            costs.rates.usable_flops,
            costs.rates.usable_bandwidth,
            costs.streamed_bytes,
            costs.kv_capacity_bytes,
            node.uplink_hz,
            node.downlink_hz,
            costs.quality,
        )
        for node, costs in zip(scenario.nodes, node_costs(scenario), strict=True)
    ]
    constants = np.minimum(np.array(rows) / CONSTANT_SCALES, 1.0)
    if scenario.exits is None:
        return constants
    network = scenario.network
    return np.column_stack([constants, (network.stage + 1.0) / network.stages])


@kernel
def _observe_requests(
    requests: RequestTape,
    efficiency: Array,
    queue: Array,
    visible: int,
    now_s: float,
    scales: Scales,
    row: int,
    out: RequestQueueObservation,
) -> None:
    """Features and links of the visible requests of a queue; efficiency [D, K1, 2] is that of the epoch."""
    for slot in range(visible):
        request, features = queue[slot], out.requests[row, slot]
        features[PROMPT_TOKENS] = requests.prompt_tokens[row, request] / scales.prompt_tokens
        features[OUTPUT_TOKENS] = requests.predicted_tokens[row, request] / scales.output_tokens
        # Bits of a payload are rounded, and so are times late in a long episode: either could exceed its maximum.
        features[UPLINK_BITS] = min(requests.bits[row, request, UPLINK] / scales.uplink_bits, 1.0)
        features[DOWNLINK_BITS] = min(requests.bits[row, request, DOWNLINK] / scales.downlink_bits, 1.0)
        features[WAITING_TIME] = min((now_s - requests.arrival_s[row, request]) / scales.budget_s, 1.0)
        features[TIME_LEFT] = min(max(requests.deadline_s[row, request] - now_s, 0.0) / scales.budget_s, 1.0)
        features[QUALITY_DEMAND] = requests.quality_demand[row, request]
        features[VALUE] = requests.value[row, request] / scales.value
        out.request_mask[row, slot] = 1
        links, shown = efficiency[requests.device[row, request]], out.spectral_efficiency[row, slot]
        for node in range(links.shape[0]):
            shown[node, UPLINK] = links[node, UPLINK] / scales.efficiency
            shown[node, DOWNLINK] = links[node, DOWNLINK] / scales.efficiency


@kernel
def _clear_slots(first: int, row: int, out: RequestQueueObservation) -> None:
    """Sets the slots from `first` on, which hold no request, to 0."""
    for slot in range(first, out.requests.shape[1]):
        out.request_mask[row, slot] = 0
        for feature in range(out.requests.shape[2]):
            out.requests[row, slot, feature] = 0.0
        for node in range(out.spectral_efficiency.shape[2]):
            out.spectral_efficiency[row, slot, node, UPLINK] = 0.0
            out.spectral_efficiency[row, slot, node, DOWNLINK] = 0.0


@kernel
def observe_queue_row(
    parameters: PooledParameters,
    tape: PooledTape,
    queue: QueueState,
    row: int,
    epoch: int,
    scales: Scales,
    out: RequestQueueObservation,
) -> None:
    """Fills a row of `out`, but not its nodes."""
    visible, slots = visible_count(parameters.slots, queue, row), parameters.slots
    efficiency, now_s = tape.channels.spectral_efficiency[row, epoch], decision_time_s(parameters.epoch_s, epoch)
    _observe_requests(tape.requests, efficiency, queue.request[row], visible, now_s, scales, row, out)
    _clear_slots(visible, row, out)
    out.arrivals[row, 0] = min(queue.arrived_last[row] / slots, COUNT_CAP)
    out.backlog[row, 0] = min((queue.length[row] - visible) / slots, COUNT_CAP)


@kernel
def write_node(busy_epochs: float, free_share: float, constants: Array, out: Array) -> None:
    """Writes the features of a node, out [F], that all pooled dynamics share; constants [F - 2] are constant."""
    out[TIME_UNTIL_FREE] = min(busy_epochs, BUSY_CAP)
    out[FREE_KV_BYTES] = max(free_share, 0.0)
    for column in range(constants.size):
        out[FIRST_CONSTANT + column] = constants[column]


@kernel
def _observe_nodes(
    capacity_bytes: Array,
    batches: BatchLog,
    predictions: PredictionLog | None,
    node_free_s: Array,
    row: int,
    epoch: int,
    epoch_s: float,
    uplink_ends_s: float,
    constants: Array,
    out: Array,
) -> None:
    """Fills out [K, F]; node_free_s [R, K] is that of all rows, constants [K, F - 2] the constant features."""
    for node in range(capacity_bytes.size):
        busy_s = max(expected_free_s(predictions, node_free_s, row, node) - uplink_ends_s, 0.0)
        free_bytes = reservable_bytes(capacity_bytes, batches, predictions, row, node, epoch, uplink_ends_s)
        write_node(busy_s / epoch_s, free_bytes / capacity_bytes[node], constants[node], out[node])


@row_kernel
def observe_queue_rows(
    parameters: PooledParameters,
    tape: PooledTape,
    state: PooledState,
    scales: Scales,
    out: RequestQueueObservation,
    first: int,
    last: int,
) -> None:
    """Fills `out` with the requests and nodes of the rows `first` to `last` - 1."""
    epoch_s, capacity_bytes = parameters.epoch_s, parameters.kv_capacity_bytes
    for row in range(first, last):
        prefetch_observation(tape, state.queue, parameters.slots, state.epoch, min(row + 1, last - 1))
        epoch, constants, nodes = state.epoch[row], scales.node_constants, out.nodes[row]
        uplink_ends_s = decision_time_s(epoch_s, epoch) + parameters.radio.uplink_slot_s
        observe_queue_row(parameters, tape, state.queue, row, epoch, scales, out)
        _observe_nodes(
            capacity_bytes,
            state.batches,
            state.predictions,
            state.node_free_s,
            row,
            epoch,
            epoch_s,
            uplink_ends_s,
            constants,
            nodes,
        )


@kernel
def _count_confidences(
    parameters: PooledParameters, tape: PooledTape, state: PooledState, row: int, count: Array
) -> None:
    """Adds to count [E, bins] the confidences of the requests that the last epochs admitted, where computed by now."""
    epoch, log = state.epoch[row], state.admissions
    now_s = decision_time_s(parameters.epoch_s, epoch)
    node, finish_s, exit_block = state.requests.node[row], state.requests.finish_s[row], state.requests.exit_block[row]
    last_block, confidence = parameters.network.last_block, tape.exits.confidence[row]
    seen = slice(log.until[row, max(epoch - SEEN_EPOCHS, 0)], log.until[row, epoch])
    for request in log.request[row, seen]:
        prefetch(node, (request, 0))
        prefetch(finish_s, (request, 0))
        prefetch(confidence, (request, 0))
    for request in log.request[row, seen]:
        count_confidences(confidence, node, finish_s, exit_block, last_block, request, now_s, count)


@row_kernel
def observe_confidence_rows(
    parameters: PooledParameters,
    tape: PooledTape,
    state: PooledState,
    quantiles: Array,
    count: Array,
    out: Array,
    first: int,
    last: int,
) -> None:
    """Fills out [R, E, Q] with quantiles of the confidences seen; count [E, bins] is work space."""
    for row in range(first, last):
        count[:] = 0
        _count_confidences(parameters, tape, state, row, count)
        for block in range(out.shape[1]):
            histogram_quantiles(count[block], quantiles, out[row, block])


@held_kernel
def observe_queue_held(held: Held, scales: Scales, out: RequestQueueObservation, first: int, last: int) -> None:
    """`observe_queue_rows` with held records."""
    parameters, tape, state, _ = held.value
    observe_queue_rows(parameters, tape, state, scales, out, first, last)


@held_kernel
def observe_confidence_held(held: Held, quantiles: Array, out: Array, first: int, last: int) -> None:
    """`observe_confidence_rows` with held records."""
    parameters, tape, state, _ = held.value
    count = np.empty((out.shape[1], CONFIDENCE_BINS), np.int32)
    observe_confidence_rows(parameters, tape, state, quantiles, count, out, first, last)


class PooledObserver(Observer):
    """Reads observations off a simulator with pooled dynamics; their keys are the fields of the records above."""

    more_node_features = 0
    """Node features behind the constant ones."""

    def __init__(self, simulator: Simulator) -> None:
        super().__init__(simulator)
        scenario = simulator.scenario
        self._scales = observation_scales(scenario)
        self._links = link_features(scenario.network)
        self._quantiles = np.array(QUANTILES)
        self._slots, self._routes = scenario.slots, scenario.exits is not None
        self._features = FIRST_CONSTANT + self._scales.node_constants.shape[1] + self.more_node_features

    def begin(self) -> Reading:
        """New arrays, and what writes them."""
        queues = self._queue_arrays()
        if not self._routes:
            return Reading(queues._asdict(), partial(self._write, queues))
        routes = self._routing_arrays()
        return Reading(queues._asdict() | routes._asdict(), partial(self._write_with_routes, queues, routes))

    def _write(self, out: RequestQueueObservation, piece: Piece) -> None:
        """Writes the queues and the nodes of the rows of a piece."""
        observe_queue_held(self._simulator.held(piece.worker), self._scales, out, piece.first, piece.last)

    def _write_with_routes(self, queues: RequestQueueObservation, routes: RoutingObservation, piece: Piece) -> None:
        self._write(queues, piece)
        held, confidence = self._simulator.held(piece.worker), routes.exit_confidence
        observe_confidence_held(held, self._quantiles, confidence, piece.first, piece.last)

    def _queue_arrays(self) -> RequestQueueObservation:
        simulator = self._simulator
        rows, slots, nodes = simulator.rows, self._slots, simulator.nodes
        entry_nodes = simulator.tape.channels.spectral_efficiency.shape[3]
        return RequestQueueObservation(
            requests=np.empty((rows, slots, len(REQUEST_FEATURES)), np.float32),
            request_mask=np.empty((rows, slots), np.int8),
            spectral_efficiency=np.empty((rows, slots, entry_nodes, 2), np.float32),
            nodes=np.empty((rows, nodes, self._features), np.float32),
            arrivals=np.empty((rows, 1), np.float32),
            backlog=np.empty((rows, 1), np.float32),
        )

    def _routing_arrays(self) -> RoutingObservation:
        simulator = self._simulator
        confidence = np.empty((simulator.rows, simulator.parameters.network.blocks, len(QUANTILES)), np.float32)
        return RoutingObservation(repeated(self._links, simulator.rows), confidence)
