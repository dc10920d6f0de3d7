"""The transition of `admission: stream`, written for one row, compiled, looped over rows.

Epoch e lasts from e * epoch_s to (e + 1) * epoch_s. Its action decides on every request that arrives in it, for the
whole of its way: which first-stage node it goes to, where it leaves, and which links it takes until then. The speeds
of the nodes at the epoch's start hold for them as well. Requests of an earlier epoch go first (`server` says how), so
the way of a request is settled in the epoch of its arrival, and with it the request's outcome and delay, even where
they lie ahead. Within an epoch, stages are gone through one by one; at each of them the requests come in the order in
which they reach their nodes. That order is exact, since a request reaches a stage after it has left the one before, and
the nodes of a stage do not share a queue.
"""

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel
from edge_llm_gym.scenario.metrics import STREAMING_COLUMN
from edge_llm_gym.sim.columns import UPLINK
from edge_llm_gym.sim.exits import last_block_of
from edge_llm_gym.sim.links import radio_s, sample_next_node, wire_s
from edge_llm_gym.sim.outcomes import EMPTY
from edge_llm_gym.sim.reward import add_up, weighted_sum
from edge_llm_gym.sim.streaming.outcomes import finalize_outcomes
from edge_llm_gym.sim.streaming.records import (
    StreamingParameters,
    StreamingResult,
    StreamingState,
    StreamingTape,
    StreamingWorkspace,
)
from edge_llm_gym.sim.streaming.server import close_epoch, open_nodes, serve

ARRIVED, IN_FLIGHT, UTILISATION = (
    STREAMING_COLUMN["arrived"],
    STREAMING_COLUMN["in_flight"],
    STREAMING_COLUMN["utilisation"],
)
RESPONSE, MEAN_DELAY = STREAMING_COLUMN["response_s"], STREAMING_COLUMN["mean_delay_s"]
CORRECT, ACCURACY = STREAMING_COLUMN["correct"], STREAMING_COLUMN["accuracy"]


@kernel
def _arrivals_end(tape, row, first, end_s):  # type: ignore[no-untyped-def]
    """One past the last request that arrives before `end_s`."""
    request = first
    while request < tape.length[row] and tape.arrival_s[row, request] < end_s:
        request += 1
    return request


@kernel
def _enter(parameters, tape, state, row, first, last, offload, workspace):  # type: ignore[no-untyped-def]
    """Sends the requests first..last - 1 to nodes of the first stage."""
    epoch = state.epoch[row]
    for request in range(first, last):
        device = tape.device[row, request]
        uniform = tape.route[row, request, 0]
        node = sample_next_node(parameters.link_first, parameters.link_target, 0, offload, device, uniform)
        efficiency = tape.spectral_efficiency[row, epoch, device, parameters.station[node], UPLINK]
        up_s = radio_s(tape.bits[row, request, UPLINK], parameters.band_hz[node, UPLINK], efficiency)
        workspace.order[request - first], workspace.reach_s[request - first] = (
            request,
            tape.arrival_s[row, request] + up_s,
        )
        state.arrived_last[row, device] += 1
        state.node[row, request, 0] = node + 1


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
def _visit(parameters, tape, state, row, request, stage, at_s, threshold, workspace):  # type: ignore[no-untyped-def]
    """Serves a request at its node of a stage. Returns when it is done there, and whether it leaves.

    It leaves at the first hosted exit whose confidence reaches the node's threshold; the last exit of all always
    answers.
    """
    epoch, node = state.epoch[row], state.node[row, request, stage] - 1
    first, last, hosted = parameters.first_block[node], parameters.last_block[node], parameters.first_hosted[node]
    block, leaves = last_block_of(tape.confidence[row], request, first, last, threshold[node])
    service_s = 0.0
    for place in range(hosted, hosted + block - first + 1):
        service_s += tape.service_s[row, request, place]
    service_s *= parameters.slowdown_factor[epoch, node]
    start_s, finish_s = serve(
        state.idle_s[row],
        state.idle_first[row],
        workspace.passed,
        workspace.unused_s,
        epoch * parameters.epoch_s,
        (epoch + 1) * parameters.epoch_s,
        node,
        at_s,
        service_s,
    )
    state.sent_last[row, node] += 1
    state.reach_s[row, request, stage] = at_s
    state.start_s[row, request, stage] = start_s
    state.finish_s[row, request, stage] = finish_s
    if leaves:
        state.exit_block[row, request] = block + 1
    return finish_s, leaves


@kernel
def _send_on(parameters, tape, state, row, request, stage, offload):  # type: ignore[no-untyped-def]
    """Chooses a request's node of the next stage. Returns how long it takes to get there."""
    node, sender = state.node[row, request, stage] - 1, offload.shape[0] - offload.shape[1]
    uniform, bits = tape.route[row, request, stage + 1], tape.forward_bits[row, request]
    to = sample_next_node(parameters.link_first, parameters.link_target, 1 + node, offload, sender + node, uniform)
    state.node[row, request, stage + 1] = to + 1
    return wire_s(bits, parameters.rate_bps[node, to], parameters.latency_s[node, to])


@kernel
def _pass_stages(parameters, tape, state, row, count, offload, threshold, workspace):  # type: ignore[no-untyped-def]
    """Takes the first `count` requests on the workspace through all stages, in the order in which they reach each.

    Those that go on stand first in the order then.
    """
    for stage in range(parameters.stages):
        _sort_by_reach(workspace.order, workspace.reach_s, count)
        going_on = 0
        for place in range(count):
            request, at_s = workspace.order[place], workspace.reach_s[place]
            finish_s, leaves = _visit(parameters, tape, state, row, request, stage, at_s, threshold, workspace)
            if not leaves:
                on_way_s = _send_on(parameters, tape, state, row, request, stage, offload)
                workspace.order[going_on], workspace.reach_s[going_on] = request, finish_s + on_way_s
                going_on += 1
        count = going_on


@kernel
def _survey(tape, state, row, now_s):  # type: ignore[no-untyped-def]
    """Counts the visits that each node has yet to finish, and returns the requests whose answer is still to come."""
    in_flight, end = 0, state.next_arrival[row]
    oldest = end
    state.open_visits[row] = 0
    for request in range(state.oldest_open[row], end):
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
def reset_row(parameters: StreamingParameters, state: StreamingState, row: int) -> None:
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
    state.committed_s[row] = 0.0
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
    parameters: StreamingParameters,
    tape: StreamingTape,
    state: StreamingState,
    row: int,
    offload: Array,
    threshold: Array,
    workspace: StreamingWorkspace,
    result: StreamingResult,
) -> None:
    """One epoch of one row. offload [D + K, K] float32 >= 0, threshold [K] float32; both already checked."""
    epoch, first = state.epoch[row], state.next_arrival[row]
    begin_s, end_s = epoch * parameters.epoch_s, (epoch + 1) * parameters.epoch_s
    last = _arrivals_end(tape, row, first, end_s)
    metrics = result.metrics[row]
    workspace.passed[:] = 0
    workspace.unused_s[:] = 0.0
    state.arrived_last[row] = 0
    state.sent_last[row] = 0
    for node in range(threshold.size):
        state.threshold_last[row, node] = threshold[node]
    _enter(parameters, tape, state, row, first, last, offload, workspace)
    _pass_stages(parameters, tape, state, row, last - first, offload, threshold, workspace)
    busy_s, committed_s = state.busy_last_s[row], state.committed_s[row]
    close_epoch(
        state.idle_s[row],
        state.idle_first[row],
        workspace.passed,
        workspace.unused_s,
        begin_s,
        end_s,
        busy_s,
        committed_s,
    )
    finalize_outcomes(parameters, tape, state, row, first, last, threshold, metrics)
    state.next_arrival[row] = last
    state.epoch[row] = epoch + 1
    state.first_of_epoch[row, epoch + 1] = last
    _sum_up(parameters, state, row, last - first, _survey(tape, state, row, end_s), metrics)
    result.reward[row] = weighted_sum(metrics, parameters.reward_column, parameters.reward_weight)


@kernel
def step_rows(
    parameters: StreamingParameters,
    tape: StreamingTape,
    state: StreamingState,
    offload: Array,
    threshold: Array,
    workspace: StreamingWorkspace,
    result: StreamingResult,
) -> None:
    """One epoch of every row: offload [R, D + K, K] float32, threshold [R, K] float32; the workspace serves them in turn."""
    for row in range(threshold.shape[0]):
        step_row(parameters, tape, state, row, offload[row], threshold[row], workspace, result)
