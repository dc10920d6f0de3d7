"""The transition of streaming dynamics: one epoch of every row, compiled.

Epoch e lasts from e * epoch_s to (e + 1) * epoch_s. Its action routes every request that arrives in it, through all
stages: the entry node, the exit, and the links until then. The speeds of the nodes at the epoch's start hold for these
requests. Requests of an earlier epoch have priority (see `server`), so everything about a request is settled in the
epoch of its arrival, including outcome and delay, even where they lie ahead. Within an epoch, stages are computed one
by one; at each of them requests are served in the order in which they reach their nodes. That order is exact, since a
request reaches a stage after the one before, and the nodes of a stage do not share a queue.
"""

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel, row_kernel
from edge_llm_gym.held import Held, held_kernel
from edge_llm_gym.scenario.metrics import STREAMING_COLUMN
from edge_llm_gym.sim.columns import UPLINK
from edge_llm_gym.sim.energy import node_energy_j
from edge_llm_gym.sim.exits import last_block_of, mean_accuracy
from edge_llm_gym.sim.links import radio_s, round_trip_s, sample_next_node, wire_s
from edge_llm_gym.sim.outcomes import EMPTY
from edge_llm_gym.sim.records import PowerConstants, RequestTape
from edge_llm_gym.sim.reward import weighted_sum
from edge_llm_gym.sim.sorting import sort_into
from edge_llm_gym.sim.streaming.answers import finalize_outcomes
from edge_llm_gym.sim.streaming.prefetching import prefetch_step
from edge_llm_gym.sim.streaming.records import (
    StreamingParameters,
    StreamingResult,
    StreamingState,
    StreamingTape,
    Workspace,
)
from edge_llm_gym.sim.streaming.server import clear_servers, close_epoch, serve
from edge_llm_gym.sim.totals import add_to_totals

ARRIVED, IN_FLIGHT, UTILISATION = (
    STREAMING_COLUMN["arrived"],
    STREAMING_COLUMN["in_flight"],
    STREAMING_COLUMN["utilisation"],
)
RESPONSE, MEAN_DELAY = STREAMING_COLUMN["response_s"], STREAMING_COLUMN["mean_delay_s"]
CORRECT, FULL_CORRECT = STREAMING_COLUMN["correct"], STREAMING_COLUMN["full_correct"]
ACCURACY = STREAMING_COLUMN["accuracy"]
NODE_ENERGY, DEVICE_ENERGY, ENERGY = (
    STREAMING_COLUMN["node_energy_j"],
    STREAMING_COLUMN["device_energy_j"],
    STREAMING_COLUMN["energy_j"],
)


@kernel
def _arrivals_end(requests: RequestTape, row: int, first: int, end_s: float) -> int:
    """One past the last request that arrives before `end_s`."""
    request = first
    while request < requests.length[row] and requests.arrival_s[row, request] < end_s:
        request += 1
    return request


@kernel
def _enter(
    parameters: StreamingParameters,
    tape: StreamingTape,
    state: StreamingState,
    row: int,
    first: int,
    last: int,
    offload: Array,
    workspace: Workspace,
) -> float:
    """Sends the requests first..last - 1 to entry nodes. Returns their time on air, summed."""
    epoch, requests, on_air_s = state.epoch[row], tape.requests, 0.0
    for request in range(first, last):
        device = requests.device[row, request]
        node = sample_next_node(parameters.network, 0, offload, device, tape.exits.route[row, request, 0])
        efficiency = tape.channels.spectral_efficiency[row, epoch, device, parameters.entry_index[node], UPLINK]
        up_s = radio_s(requests.bits[row, request, UPLINK], parameters.band_hz[node, UPLINK], efficiency)
        workspace.order[request - first] = request
        workspace.reach_s[request] = requests.arrival_s[row, request] + up_s
        on_air_s += up_s
        state.arrived_last[row, device] += 1
        state.requests.node[row, request, 0] = node + 1
    return on_air_s


@kernel
def _service_s(tape: StreamingTape, row: int, request: int, first_hosted: int, blocks: int) -> float:
    """Service time of the first `blocks` blocks that a node hosts."""
    service_s = 0.0
    for hosted in range(first_hosted, first_hosted + blocks):
        service_s += tape.service_s[row, request, hosted]
    return service_s


@kernel
def _visit(
    parameters: StreamingParameters,
    tape: StreamingTape,
    state: StreamingState,
    row: int,
    request: int,
    stage: int,
    at_s: float,
    threshold: Array,
    workspace: Workspace,
) -> tuple[float, bool]:
    """Serves a request at its node of a stage. Returns the end of the service, and whether the request exits."""
    epoch, log, network = state.epoch[row], state.requests, parameters.network
    node = log.node[row, request, stage] - 1
    first, last = network.first_block[node], network.last_block[node]
    block, exits = last_block_of(tape.exits.confidence[row], request, first, last, threshold[node])
    service_s = _service_s(tape, row, request, network.first_hosted[node], block - first + 1)
    service_s *= parameters.slowdown_factor[epoch, node]
    begin_s, end_s = epoch * parameters.epoch_s, (epoch + 1) * parameters.epoch_s
    start_s, finish_s = serve(state.servers, row, node, begin_s, end_s, at_s, service_s, workspace)
    state.sent_last[row, node] += 1
    log.reach_s[row, request, stage] = at_s
    log.start_s[row, request, stage] = start_s
    log.finish_s[row, request, stage] = finish_s
    if exits:
        log.exit_block[row, request] = block + 1
    return finish_s, exits


@kernel
def _forward(
    parameters: StreamingParameters,
    tape: StreamingTape,
    state: StreamingState,
    row: int,
    request: int,
    stage: int,
    offload: Array,
) -> float:
    """Selects a request's node of the next stage. Returns the time that it takes to get there.

    Adds the round trips of its tokens between the two nodes to the log.
    """
    node, devices = state.requests.node[row, request, stage] - 1, offload.shape[0] - offload.shape[1]
    uniform, exits, network = tape.exits.route[row, request, stage + 1], tape.exits, parameters.network
    target = sample_next_node(network, 1 + node, offload, devices + node, uniform)
    state.requests.node[row, request, stage + 1] = target + 1
    rate_bps, latency_s = network.rate_bps[node, target], network.latency_s[node, target]
    wait_s = exits.round_trips[row, request] * round_trip_s(network.round_trip_bits, rate_bps, latency_s)
    state.requests.round_trip_s[row, request] += wait_s
    return wire_s(exits.forward_bits[row, request], rate_bps, latency_s)


@kernel
def _pass_stages(
    parameters: StreamingParameters,
    tape: StreamingTape,
    state: StreamingState,
    row: int,
    count: int,
    offload: Array,
    threshold: Array,
    workspace: Workspace,
) -> None:
    """Takes the first `count` requests of the workspace through all stages, in the order in which they reach each."""
    order, reach_s = workspace.order, workspace.reach_s
    for stage in range(parameters.network.stages):
        sort_into(order, 0, count, reach_s, workspace.scratch)
        forwarded = 0
        for index in range(count):
            request, at_s = order[index], reach_s[order[index]]
            finish_s, exits = _visit(parameters, tape, state, row, request, stage, at_s, threshold, workspace)
            if not exits:
                wired_s = _forward(parameters, tape, state, row, request, stage, offload)
                order[forwarded], reach_s[request] = request, finish_s + wired_s
                forwarded += 1
        count = forwarded


@kernel
def _count_open(state: StreamingState, row: int, now_s: float) -> int:
    """Counts the visits that each node has not finished, and returns the number of requests without an answer yet."""
    in_flight, end, log = 0, state.next_arrival[row], state.requests
    oldest = end
    state.open_visits[row] = 0
    for request in range(state.oldest_open[row], end):
        if log.answered_s[row, request] <= now_s:
            continue
        in_flight += 1
        oldest = min(oldest, request)
        for stage in range(log.node.shape[2]):
            node = log.node[row, request, stage] - 1
            if node >= 0 and log.finish_s[row, request, stage] > now_s:
                state.open_visits[row, node] += 1
    state.oldest_open[row] = oldest
    return in_flight


@kernel
def _complete_metrics(
    epoch_s: float, full_accuracy: float, busy_s: Array, arrived: int, in_flight: int, metrics: Array
) -> None:
    """Counts and means of an epoch; busy_s [K] is the computing time of each node."""
    metrics[ARRIVED] = arrived
    metrics[IN_FLIGHT] = in_flight
    metrics[UTILISATION] = busy_s.mean() / epoch_s
    if arrived > 0:
        metrics[MEAN_DELAY] = metrics[RESPONSE] / arrived
        metrics[ACCURACY] = mean_accuracy(metrics[CORRECT], metrics[FULL_CORRECT], arrived, full_accuracy)


@kernel
def _write_energy(power: PowerConstants, epoch_s: float, busy_s: Array, on_air_s: float, metrics: Array) -> None:
    """Energy of an epoch: busy_s [K] is the computing time of each node, `on_air_s` that of the uplinks of arrivals."""
    metrics[NODE_ENERGY] = node_energy_j(power, busy_s, epoch_s)
    metrics[DEVICE_ENERGY] = power.transmit_w * on_air_s
    metrics[ENERGY] = metrics[NODE_ENERGY] + metrics[DEVICE_ENERGY]


@row_kernel
def reset_row(state: StreamingState, row: int) -> None:
    """Sets a row to time 0: no request has arrived, every node is idle."""
    clear_servers(state.servers, row)
    state.epoch[row] = 0
    state.next_arrival[row] = 0
    state.first_of_epoch[row] = 0
    state.oldest_open[row] = 0
    state.arrived_last[row] = 0
    state.sent_last[row] = 0
    state.threshold_last[row] = 0.0
    state.open_visits[row] = 0
    state.requests.outcome[row] = EMPTY
    state.requests.exit_block[row] = 0
    state.requests.delay_s[row] = 0.0
    state.requests.answered_s[row] = 0.0
    state.requests.round_trip_s[row] = 0.0
    state.requests.node[row] = 0
    state.requests.reach_s[row] = 0.0
    state.requests.start_s[row] = 0.0
    state.requests.finish_s[row] = 0.0
    state.totals[row] = 0.0


@kernel
def _clear_epoch(state: StreamingState, row: int, threshold: Array, workspace: Workspace) -> None:
    workspace.skipped[:] = 0
    workspace.unused_s[:] = 0.0
    state.arrived_last[row] = 0
    state.sent_last[row] = 0
    for node in range(threshold.size):
        state.threshold_last[row, node] = threshold[node]


@row_kernel
def step_rows(
    parameters: StreamingParameters,
    tape: StreamingTape,
    state: StreamingState,
    offload: Array,
    threshold: Array,
    workspace: Workspace,
    result: StreamingResult,
    first_row: int,
    last_row: int,
) -> None:
    """One epoch of the rows `first_row` to `last_row` - 1, which use the workspace in turn.

    offload [R, D + K, K] and threshold [R, K], float32 in [0, 1]; both already checked.
    """
    for row in range(first_row, last_row):
        prefetch_step(tape, state, min(row + 1, last_row - 1))
        epoch, first, routes, thresholds = state.epoch[row], state.next_arrival[row], offload[row], threshold[row]
        begin_s, end_s = epoch * parameters.epoch_s, (epoch + 1) * parameters.epoch_s
        last, metrics = _arrivals_end(tape.requests, row, first, end_s), result.metrics[row]
        _clear_epoch(state, row, thresholds, workspace)
        on_air_s = _enter(parameters, tape, state, row, first, last, routes, workspace)
        _pass_stages(parameters, tape, state, row, last - first, routes, thresholds, workspace)
        close_epoch(state.servers, row, begin_s, end_s, workspace)
        finalize_outcomes(parameters, tape, state, row, first, last, thresholds, metrics)
        state.next_arrival[row] = last
        state.epoch[row] = epoch + 1
        state.first_of_epoch[row, epoch + 1] = last
        in_flight = _count_open(state, row, end_s)
        busy_s, kinds = state.servers.busy_last_s[row], parameters.metric_kinds
        arrived, full_accuracy = last - first, parameters.exits.full_accuracy
        _complete_metrics(parameters.epoch_s, full_accuracy, busy_s, arrived, in_flight, metrics)
        _write_energy(parameters.power, parameters.epoch_s, busy_s, on_air_s, metrics)
        add_to_totals(kinds, metrics, epoch + 1, state.totals[row])
        result.reward[row] = weighted_sum(metrics, parameters.reward)


@held_kernel
def reset_held(held: Held, rows: Array) -> None:
    """`reset_row` of some rows [n] with held records, as `StreamingDynamics` holds them."""
    _, _, state, _ = held.value
    for row in rows:
        reset_row(state, row)


@held_kernel
def step_held(
    held: Held, offload: Array, threshold: Array, result: StreamingResult, first_row: int, last_row: int
) -> None:
    """`step_rows` with held records."""
    parameters, tape, state, workspace = held.value
    step_rows(parameters, tape, state, offload, threshold, workspace, result, first_row, last_row)
