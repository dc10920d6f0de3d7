"""The transition of `admission: stream`, written for one row, compiled, looped over rows.

Epoch e lasts from e * epoch_s to (e + 1) * epoch_s. Its action decides on every request that arrives in it, for the
whole of its way: which first-stage node it goes to, where it leaves, and which links it takes until then. The speeds
of the nodes at the epoch's start hold for them as well. Requests of an earlier epoch go first (`server` says how), so
the way of a request is settled in the epoch of its arrival, and with it the request's outcome and delay, even where
they lie ahead. Within an epoch, stages are gone through one by one; at each of them the requests come in the order in
which they reach their nodes. That order is exact, since a request reaches a stage after it has left the one before, and
the nodes of a stage do not share a queue.
"""

import numpy as np
from numba import njit

from edge_llm_gym.sim.links import radio_s, receiver, wire_s
from edge_llm_gym.sim.metrics import STREAM_COLUMN
from edge_llm_gym.sim.reward import weighted_sum
from edge_llm_gym.sim.state import EMPTY, UPLINK, Array
from edge_llm_gym.sim.stream.server import close_epoch, open_nodes, serve, servers_of
from edge_llm_gym.sim.stream.settling import settle
from edge_llm_gym.sim.stream.state import StreamParameters, StreamResult, StreamState, StreamTape

ARRIVED, IN_FLIGHT, UTILISATION = STREAM_COLUMN["arrived"], STREAM_COLUMN["in_flight"], STREAM_COLUMN["utilisation"]
RESPONSE, MEAN_DELAY = STREAM_COLUMN["response_s"], STREAM_COLUMN["mean_delay_s"]
CORRECT, ACCURACY = STREAM_COLUMN["correct"], STREAM_COLUMN["accuracy"]


@njit(cache=True)
def _arrivals_end(tape, row, first, end_s):  # type: ignore[no-untyped-def]
    """One past the last request that arrives before `end_s`."""
    request = first
    while request < tape.length[row] and tape.arrival_s[row, request] < end_s:
        request += 1
    return request


@njit(cache=True)
def _enter(parameters, tape, state, row, first, offload, order, reach_s):  # type: ignore[no-untyped-def]
    """Sends the epoch's requests to nodes of the first stage."""
    epoch = state.epoch[row]
    for place in range(order.size):
        request = first + place
        device, uniform = tape.device[row, request], tape.route[row, request, 0]
        node = receiver(parameters.link_first, parameters.link_target, 0, offload, device, uniform)
        efficiency = tape.spectral_efficiency[row, epoch, device, parameters.station[node], UPLINK]
        order[place] = request
        reach_s[place] = tape.arrival_s[row, request]
        reach_s[place] += radio_s(tape.bits[row, request, UPLINK], parameters.band_hz[node, UPLINK], efficiency)
        state.arrived_last[row, device] += 1
        state.node[row, request, 0] = node + 1


@njit(cache=True)
def _sort_by_reach(order, reach_s, count):  # type: ignore[no-untyped-def]
    """Insertion sort, stable: the order is nearly right already, and equal times keep it."""
    for place in range(1, count):
        request, at_s = order[place], reach_s[place]
        while place > 0 and reach_s[place - 1] > at_s:
            order[place], reach_s[place] = order[place - 1], reach_s[place - 1]
            place -= 1
        order[place], reach_s[place] = request, at_s


@njit(cache=True)
def _pass_stage(parameters, tape, state, servers, row, stage, offload, threshold, order, reach_s, count):  # type: ignore[no-untyped-def]
    """Serves the first `count` requests at a stage in their order; returns how many go on, which stand first then.

    A request leaves at the first hosted exit whose confidence reaches the node's threshold; the last exit of all always
    answers.
    """
    going_on, devices = 0, offload.shape[0] - offload.shape[1]
    slowness = parameters.slowness[state.epoch[row]]
    for place in range(count):
        request, at_s = order[place], reach_s[place]
        node = state.node[row, request, stage] - 1
        block, leaves, service_s = parameters.first_block[node] - 1, False, 0.0
        hosted = parameters.first_hosted[node] - parameters.first_block[node]
        while not leaves and block < parameters.last_block[node]:
            block += 1
            service_s += tape.service_s[row, request, hosted + block]
            leaves = tape.confidence[row, request, block] >= threshold[node] or block == parameters.blocks - 1
        start_s, finish_s = serve(servers, node, at_s, slowness[node] * service_s)
        state.sent_last[row, node] += 1
        state.reach_s[row, request, stage] = at_s
        state.start_s[row, request, stage] = start_s
        state.finish_s[row, request, stage] = finish_s
        if leaves:
            state.exit_block[row, request] = block + 1
            continue
        uniform = tape.route[row, request, stage + 1]
        to = receiver(parameters.link_first, parameters.link_target, 1 + node, offload, devices + node, uniform)
        wired_s = wire_s(tape.forward_bits[row, request], parameters.rate_bps[node, to], parameters.latency_s[node, to])
        state.node[row, request, stage + 1] = to + 1
        order[going_on], reach_s[going_on] = request, finish_s + wired_s
        going_on += 1
    return going_on


@njit(cache=True)
def _survey(tape, state, row, now_s):  # type: ignore[no-untyped-def]
    """Counts the visits that each node has yet to finish, and returns the requests whose answer is still to come."""
    in_flight = 0
    oldest = state.next_arrival[row]
    state.open_visits[row] = 0
    for request in range(state.oldest_open[row], state.next_arrival[row]):
        if tape.arrival_s[row, request] + state.delay_s[row, request] <= now_s:
            continue
        in_flight += 1
        oldest = min(oldest, request)
        for stage in range(state.node.shape[2]):
            node = state.node[row, request, stage] - 1
            if node >= 0 and state.finish_s[row, request, stage] > now_s:
                state.open_visits[row, node] += 1
    state.oldest_open[row] = oldest
    return in_flight


@njit(cache=True)
def _sum_up(parameters, state, row, arrived, in_flight, metrics):  # type: ignore[no-untyped-def]
    """Closes the epoch's metrics."""
    metrics[ARRIVED] = arrived
    metrics[IN_FLIGHT] = in_flight
    metrics[UTILISATION] = state.busy_last_s[row].mean() / parameters.epoch_s
    if arrived > 0:
        metrics[MEAN_DELAY] = metrics[RESPONSE] / arrived
        metrics[ACCURACY] = metrics[CORRECT] / arrived
    state.totals[row] += metrics


@njit(cache=True)
def begin_row(parameters: StreamParameters, state: StreamState, row: int) -> None:
    """Sets a row to time 0: nobody has arrived, every node is idle."""
    state.epoch[row] = 0
    open_nodes(state, row)
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


@njit(cache=True)
def step_row(
    parameters: StreamParameters,
    tape: StreamTape,
    state: StreamState,
    row: int,
    offload: Array,
    threshold: Array,
    result: StreamResult,
) -> None:
    """One epoch of one row. offload [D + K, K] float32 >= 0, threshold [K] float32; both already checked."""
    epoch, first = state.epoch[row], state.next_arrival[row]
    begin_s, end_s = epoch * parameters.epoch_s, (epoch + 1) * parameters.epoch_s
    last = _arrivals_end(tape, row, first, end_s)
    servers = servers_of(state, row, begin_s, end_s)
    order, reach_s = np.empty(last - first, np.int64), np.empty(last - first)
    state.arrived_last[row] = 0
    state.sent_last[row] = 0
    state.threshold_last[row] = threshold
    _enter(parameters, tape, state, row, first, offload, order, reach_s)
    count, metrics = order.size, result.metrics[row]
    for stage in range(parameters.stages):
        _sort_by_reach(order, reach_s, count)
        count = _pass_stage(parameters, tape, state, servers, row, stage, offload, threshold, order, reach_s, count)
    close_epoch(servers, state.busy_last_s[row], state.claimed_s[row])
    settle(parameters, tape, state, row, first, last, threshold, metrics)
    state.next_arrival[row] = last
    state.epoch[row] = epoch + 1
    state.first_of_epoch[row, epoch + 1] = last
    _sum_up(parameters, state, row, last - first, _survey(tape, state, row, end_s), metrics)
    result.reward[row] = weighted_sum(metrics, parameters.reward_column, parameters.reward_weight)


@njit(cache=True)
def step_rows(
    parameters: StreamParameters,
    tape: StreamTape,
    state: StreamState,
    offload: Array,
    threshold: Array,
    result: StreamResult,
) -> None:
    """One epoch of every row: offload [R, D + K, K] float32, threshold [R, K] float32."""
    for row in range(threshold.shape[0]):
        step_row(parameters, tape, state, row, offload[row], threshold[row], result)
