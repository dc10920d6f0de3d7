"""The transition of `admission: stream`, written for one row, compiled, looped over rows.

Epoch e lasts from e * epoch_s to (e + 1) * epoch_s. Its action decides on every request that arrives in it, for the
whole of its way: which first-stage node it goes to, where it leaves, and which links it takes until then. The speeds
of the nodes at the epoch's start hold for them as well. Requests of an earlier epoch go first (`server` says how), so
the way of a request is settled in the epoch of its arrival, and with it the request's outcome and delay, even where
they lie ahead. Within an epoch, stages are gone through one by one; at each of them the requests come in the order in
which they reach their nodes. That order is exact, since a request reaches a stage after it has left the one before, and
the nodes of a stage do not share a queue.
"""

from edge_llm_gym.compiled import kernel
from edge_llm_gym.sim.exits import last_block_of
from edge_llm_gym.sim.links import radio_s, receiver, wire_s
from edge_llm_gym.sim.metrics import STREAM_COLUMN
from edge_llm_gym.sim.reward import add_up, weighted_sum
from edge_llm_gym.sim.state import EMPTY, UPLINK, Array
from edge_llm_gym.sim.stream.server import close_epoch, open_nodes, serve
from edge_llm_gym.sim.stream.settling import settle
from edge_llm_gym.sim.stream.state import StreamDesk, StreamParameters, StreamResult, StreamState, StreamTape

ARRIVED, IN_FLIGHT, UTILISATION = STREAM_COLUMN["arrived"], STREAM_COLUMN["in_flight"], STREAM_COLUMN["utilisation"]
RESPONSE, MEAN_DELAY = STREAM_COLUMN["response_s"], STREAM_COLUMN["mean_delay_s"]
CORRECT, ACCURACY = STREAM_COLUMN["correct"], STREAM_COLUMN["accuracy"]


@kernel
def _arrivals_end(tape, row, first, end_s):  # type: ignore[no-untyped-def]
    """One past the last request that arrives before `end_s`."""
    request = first
    while request < tape.length[row] and tape.arrival_s[row, request] < end_s:
        request += 1
    return request


@kernel
def _enter(parameters, tape, state, row, first, offload, order, reach_s):  # type: ignore[no-untyped-def]
    """Sends the epoch's requests to nodes of the first stage."""
    devices, arrival_s, bits, route = tape.device[row], tape.arrival_s[row], tape.bits[row], tape.route[row]
    efficiency = tape.spectral_efficiency[row, state.epoch[row]]
    link_first, link_target = parameters.link_first, parameters.link_target
    station, band_hz = parameters.station, parameters.band_hz
    arrived_last, visited = state.arrived_last[row], state.node[row]
    for place in range(order.size):
        request = first + place
        device = devices[request]
        node = receiver(link_first, link_target, 0, offload, device, route[request, 0])
        up_s = radio_s(bits[request, UPLINK], band_hz[node, UPLINK], efficiency[device, station[node], UPLINK])
        order[place], reach_s[place] = request, arrival_s[request] + up_s
        arrived_last[device] += 1
        visited[request, 0] = node + 1


@kernel
def _sort_by_reach(order, reach_s, count):  # type: ignore[no-untyped-def]
    """Insertion sort, stable: the order is nearly right already, and equal times keep it."""
    for place in range(1, count):
        request, at_s = order[place], reach_s[place]
        while place > 0 and reach_s[place - 1] > at_s:
            order[place], reach_s[place] = order[place - 1], reach_s[place - 1]
            place -= 1
        order[place], reach_s[place] = request, at_s


@kernel
def _pass_stages(parameters, tape, state, row, offload, threshold, order, reach_s, passed, unused_s):  # type: ignore[no-untyped-def]
    """Takes the requests through all stages, at each of them in the order in which they reach it.

    A request leaves at the first hosted exit whose confidence reaches the node's threshold; the last exit of all always
    answers. Those that go on stand first in `order` then.
    """
    epoch, count, devices = state.epoch[row], order.size, offload.shape[0] - offload.shape[1]
    begin_s, end_s, slowness = epoch * parameters.epoch_s, (epoch + 1) * parameters.epoch_s, parameters.slowness[epoch]
    first_block, last_block, first_hosted = parameters.first_block, parameters.last_block, parameters.first_hosted
    link_first, link_target = parameters.link_first, parameters.link_target
    rate_bps, latency_s = parameters.rate_bps, parameters.latency_s
    hosted_s, confidence = tape.service_s[row], tape.confidence[row]
    forward_bits, route = tape.forward_bits[row], tape.route[row]
    idle_s, idle_first, sent_last = state.idle_s[row], state.idle_first[row], state.sent_last[row]
    visited, exit_block = state.node[row], state.exit_block[row]
    reached_s, started_s, finished_s = state.reach_s[row], state.start_s[row], state.finish_s[row]
    for stage in range(parameters.stages):
        _sort_by_reach(order, reach_s, count)
        going_on = 0
        for place in range(count):
            request, at_s = order[place], reach_s[place]
            node = visited[request, stage] - 1
            first, hosted = first_block[node], first_hosted[node]
            block, leaves = last_block_of(confidence, request, first, last_block[node], threshold[node])
            service_s = 0.0
            for place_of_block in range(hosted, hosted + block - first + 1):
                service_s += hosted_s[request, place_of_block]
            service_s *= slowness[node]
            start_s, finish_s = serve(idle_s, idle_first, passed, unused_s, begin_s, end_s, node, at_s, service_s)
            sent_last[node] += 1
            reached_s[request, stage] = at_s
            started_s[request, stage] = start_s
            finished_s[request, stage] = finish_s
            if leaves:
                exit_block[request] = block + 1
                continue
            to = receiver(link_first, link_target, 1 + node, offload, devices + node, route[request, stage + 1])
            visited[request, stage + 1] = to + 1
            order[going_on] = request
            reach_s[going_on] = finish_s + wire_s(forward_bits[request], rate_bps[node, to], latency_s[node, to])
            going_on += 1
        count = going_on


@kernel
def _survey(tape, state, row, now_s):  # type: ignore[no-untyped-def]
    """Counts the visits that each node has yet to finish, and returns the requests whose answer is still to come."""
    arrival_s, delay_s, open_visits = tape.arrival_s[row], state.delay_s[row], state.open_visits[row]
    visited, finish_s = state.node[row], state.finish_s[row]
    in_flight, end = 0, state.next_arrival[row]
    oldest = end
    open_visits[:] = 0
    for request in range(state.oldest_open[row], end):
        if arrival_s[request] + delay_s[request] <= now_s:
            continue
        in_flight += 1
        oldest = min(oldest, request)
        for stage in range(visited.shape[1]):
            node = visited[request, stage] - 1
            if node >= 0 and finish_s[request, stage] > now_s:
                open_visits[node] += 1
    state.oldest_open[row] = oldest
    return in_flight


@kernel
def _sum_up(parameters, state, row, arrived, in_flight, metrics):  # type: ignore[no-untyped-def]
    """Closes the epoch's metrics."""
    metrics[ARRIVED] = arrived
    metrics[IN_FLIGHT] = in_flight
    metrics[UTILISATION] = state.busy_last_s[row].mean() / parameters.epoch_s
    if arrived > 0:
        metrics[MEAN_DELAY] = metrics[RESPONSE] / arrived
        metrics[ACCURACY] = metrics[CORRECT] / arrived
    add_up(metrics, state.totals[row])


@kernel
def begin_row(parameters: StreamParameters, state: StreamState, row: int) -> None:
    """Sets a row to time 0: nobody has arrived, every node is idle."""
    state.epoch[row] = 0
    open_nodes(state.idle_s[row], state.idle_first[row])
    state.next_arrival[row] = 0
    state.first_of_epoch[row] = 0
    state.oldest_open[row] = 0
    state.arrived_last[row] = 0
    state.sent_last[row] = 0
    state.threshold_last[row] = 0.0
    state.busy_last_s[row] = 0.0
    state.open_visits[row] = 0
    state.claimed_s[row] = 0.0
    state.outcome[row] = EMPTY
    state.exit_block[row] = 0
    state.delay_s[row] = 0.0
    state.node[row] = 0
    state.reach_s[row] = 0.0
    state.start_s[row] = 0.0
    state.finish_s[row] = 0.0
    state.totals[row] = 0.0


@kernel
def step_row(
    parameters: StreamParameters,
    tape: StreamTape,
    state: StreamState,
    row: int,
    offload: Array,
    threshold: Array,
    desk: StreamDesk,
    result: StreamResult,
) -> None:
    """One epoch of one row. offload [D + K, K] float32 >= 0, threshold [K] float32; both already checked."""
    epoch, first = state.epoch[row], state.next_arrival[row]
    begin_s, end_s = epoch * parameters.epoch_s, (epoch + 1) * parameters.epoch_s
    last = _arrivals_end(tape, row, first, end_s)
    order, reach_s = desk.order[: last - first], desk.reach_s[: last - first]
    passed, unused_s, metrics = desk.passed, desk.unused_s, result.metrics[row]
    passed[:] = 0
    unused_s[:] = 0.0
    state.arrived_last[row] = 0
    state.sent_last[row] = 0
    for node in range(threshold.size):
        state.threshold_last[row, node] = threshold[node]
    _enter(parameters, tape, state, row, first, offload, order, reach_s)
    _pass_stages(parameters, tape, state, row, offload, threshold, order, reach_s, passed, unused_s)
    busy_s, claimed_s = state.busy_last_s[row], state.claimed_s[row]
    close_epoch(state.idle_s[row], state.idle_first[row], passed, unused_s, begin_s, end_s, busy_s, claimed_s)
    settle(parameters, tape, state, row, first, last, threshold, metrics)
    state.next_arrival[row] = last
    state.epoch[row] = epoch + 1
    state.first_of_epoch[row, epoch + 1] = last
    _sum_up(parameters, state, row, last - first, _survey(tape, state, row, end_s), metrics)
    result.reward[row] = weighted_sum(metrics, parameters.reward_column, parameters.reward_weight)


@kernel
def step_rows(
    parameters: StreamParameters,
    tape: StreamTape,
    state: StreamState,
    offload: Array,
    threshold: Array,
    desk: StreamDesk,
    result: StreamResult,
) -> None:
    """One epoch of every row: offload [R, D + K, K] float32, threshold [R, K] float32; the desk serves them in turn."""
    for row in range(threshold.shape[0]):
        step_row(parameters, tape, state, row, offload[row], threshold[row], desk, result)
