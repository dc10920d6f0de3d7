"""The transition of continuous batching: one epoch of every row, compiled.

The order of an epoch is that of `sim.pooled.transition`: radio and memory, computation, outcomes, arrivals and expiry.
Memory is checked at the decision time: a request is admitted if its KV cache, s tokens and the predicted output tokens,
fits beside those that the sequences on the node have reserved. What it reserves is free once it has left.
"""

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel, row_kernel
from edge_llm_gym.held import Held, held_kernel
from edge_llm_gym.scenario.metrics import COLUMN, CONTINUOUS_COLUMN
from edge_llm_gym.sim.outcomes import EMPTY, LATE, RUNNING, SERVED
from edge_llm_gym.sim.pooled.admission import admit, clear_mask, compute_minimum_shares, mask_node
from edge_llm_gym.sim.pooled.clock import decision_time_s, visible_count
from edge_llm_gym.sim.pooled.continuous.advance import FIRST_TOKENS, TTFT, advance_node
from edge_llm_gym.sim.pooled.continuous.iterations import computed_prompt
from edge_llm_gym.sim.pooled.continuous.leaving import DECODED, TPOT
from edge_llm_gym.sim.pooled.continuous.records import (
    ContinuousState,
    IterationConstants,
    NodeState,
    SequenceLog,
)
from edge_llm_gym.sim.pooled.forecast import answer_s, log_eviction, write_answer_times
from edge_llm_gym.sim.pooled.prefetching import prefetch_step
from edge_llm_gym.sim.pooled.queue import ADMITTED, EXPIRED_COUNT, advance_clock, mark_expired
from edge_llm_gym.sim.pooled.records import (
    Forecast,
    PooledParameters,
    PooledResult,
    PooledTape,
    QueueState,
    RequestLog,
    Workspace,
)
from edge_llm_gym.sim.pooled.stages import enter_network, log_admissions
from edge_llm_gym.sim.pooled.usage import write_usage
from edge_llm_gym.sim.records import RequestTape
from edge_llm_gym.sim.reward import weighted_sum
from edge_llm_gym.sim.totals import add_to_totals

SERVED_COUNT = COLUMN["served"]
RUNNING_LEVEL, GOODPUT = CONTINUOUS_COLUMN["running"], CONTINUOUS_COLUMN["goodput_per_s"]
MEAN_TTFT, MEAN_TPOT = CONTINUOUS_COLUMN["mean_ttft_s"], CONTINUOUS_COLUMN["mean_tpot_s"]


@row_kernel
def reset_row(parameters: PooledParameters, tape: PooledTape, state: ContinuousState, row: int) -> None:
    """Sets a row to the first decision time of its freshly drawn tape."""
    nodes = state.nodes
    state.epoch[row] = 0
    state.queue.length[row] = 0
    state.queue.next_arrival[row] = 0
    nodes.boundary_s[row] = decision_time_s(parameters.epoch_s, 0)
    nodes.iteration[row] = 0
    nodes.held_tokens[row] = 0
    nodes.reserved_tokens[row] = 0
    nodes.running[row] = 0
    nodes.admitted[row] = 0
    nodes.prefilled[row] = 0
    state.requests.codes[row] = EMPTY
    state.requests.latency_s[row] = 0.0
    state.admissions.until[row] = 0
    state.totals[row] = 0.0
    advance_clock(parameters, tape, state, nodes.boundary_s, row, state.totals[row])


@kernel
def unreserved_bytes(
    capacity_bytes: Array, constants: IterationConstants, reserved_tokens: Array, row: int, node: int
) -> float:
    """Memory of a node that no sequence has reserved; reserved_tokens [R, K]."""
    return capacity_bytes[node] - reserved_tokens[row, node] * constants.token_bytes[node]


@kernel
def _join(
    padded_prompt: int,
    requests: RequestTape,
    log: RequestLog,
    nodes: NodeState,
    sequences: SequenceLog,
    row: int,
    node: int,
    request: int,
    ready_s: float,
    answering_s: float,
) -> None:
    """Appends an admitted request to the sequences of a node; its prefill begins at `ready_s` at the earliest."""
    place, prompt = nodes.admitted[row, node], computed_prompt(padded_prompt, requests.prompt_tokens, row, request)
    nodes.joined[row, node, place] = request
    nodes.admitted[row, node] += 1
    nodes.reserved_tokens[row, node] += prompt + requests.predicted_tokens[row, request]
    sequences.begin_s[row, request], sequences.last_iteration[row, request] = ready_s, -1
    sequences.place[row, request], sequences.answer_s[row, request] = place, answering_s
    log.outcome[row, request], log.exit_block[row, request], log.node[row, request, 0] = RUNNING, 1, node + 1


@kernel
def _join_admitted(
    padded_prompt: int,
    requests: RequestTape,
    queue: QueueState,
    log: RequestLog,
    nodes: NodeState,
    sequences: SequenceLog,
    row: int,
    ready_s: float,
    downlink_slot_s: float,
    current_node: Array,
    forecast: Forecast | None,
    slots: Array,
) -> None:
    """Joins the requests of the admitted slots to their nodes, current_node [N], in the order of the slots."""
    for slot in slots:
        request, node, answering_s = (
            queue.request[row, slot],
            current_node[slot],
            answer_s(forecast, downlink_slot_s, slot),
        )
        _join(padded_prompt, requests, log, nodes, sequences, row, node, request, ready_s, answering_s)


@kernel
def _take_admitted(queue: QueueState, row: int, visible: int, result: PooledResult) -> None:
    """Notes the requests in the slots, and removes the admitted ones from the queue."""
    kept, pending = 0, queue.request[row]
    for position in range(queue.length[row]):
        request = pending[position]
        if position < visible:
            result.slot_request[row, position] = request
        if position < visible and result.slot_outcome[row, position] == SERVED:
            continue
        pending[kept] = request
        kept += 1
    queue.length[row] = kept


@kernel
def _report_slots(log: RequestLog, row: int, slots: Array, result: PooledResult) -> None:
    """Outcomes of the requests of the admitted slots after the epoch: running, or final."""
    for slot in slots:
        request = result.slot_request[row, slot]
        result.slot_outcome[row, slot] = log.outcome[row, request]
        result.slot_latency_s[row, slot] = log.latency_s[row, request]
        result.slot_exit[row, slot] = log.exit_block[row, request]
        if log.outcome[row, request] == LATE and log.latency_s[row, request] == 0.0:
            log_eviction(result.slot_evicted, row, slot)


@kernel
def sequence_count(nodes: NodeState, row: int, node: int) -> int:
    """Sequences on a node: those that run, and those that wait for their prefill."""
    return nodes.running[row, node] + nodes.admitted[row, node] - nodes.prefilled[row, node]


@kernel
def _compute(
    parameters: PooledParameters,
    constants: IterationConstants,
    requests: RequestTape,
    cost_drivers: Array,
    log: RequestLog,
    nodes: NodeState,
    sequences: SequenceLog,
    row: int,
    until_s: float,
    busy_s: Array,
    metrics: Array,
) -> None:
    """Advances all nodes to the end of the epoch; writes the time busy_s [K] in which each of them computes."""
    metrics[RUNNING_LEVEL] = 0.0
    for node in range(nodes.running.shape[1]):
        quality = min(parameters.quality[node], 1.0)
        idle_s = advance_node(
            constants,
            requests,
            cost_drivers,
            log,
            nodes,
            sequences,
            row,
            node,
            until_s,
            quality,
            metrics,
        )
        busy_s[node] = parameters.epoch_s - idle_s
        metrics[RUNNING_LEVEL] += sequence_count(nodes, row, node)
    write_usage(parameters.power, parameters.epoch_s, parameters.radio.uplink_slot_s, busy_s, metrics)
    metrics[MEAN_TTFT] = metrics[TTFT] / max(metrics[FIRST_TOKENS], 1.0)
    metrics[MEAN_TPOT] = metrics[TPOT] / max(metrics[DECODED], 1.0)
    metrics[GOODPUT] = metrics[SERVED_COUNT] / parameters.epoch_s


@row_kernel
def step_rows(
    parameters: PooledParameters,
    constants: IterationConstants,
    tape: PooledTape,
    state: ContinuousState,
    batch: Array,
    bandwidth: Array,
    threshold: Array | None,
    workspace: Workspace,
    result: PooledResult,
    first: int,
    last: int,
) -> None:
    """One epoch of the rows `first` to `last` - 1, which use the workspace in turn.

    batch [R, N] int64 in 0..K and bandwidth [R, N, 2] float64 >= 0, already checked; threshold is None.
    """
    radio, network, coefficients = parameters.radio, parameters.network, parameters.cost_coefficients
    nodes, sequences, log, padded = state.nodes, state.sequences, state.requests, constants.padded_prompt
    for row in range(first, last):
        prefetch_step(tape, state.queue, parameters.slots, state.epoch, min(row + 1, last - 1))
        epoch, queue, choice = state.epoch[row], state.queue.request[row], batch[row]
        now_s, metrics = decision_time_s(parameters.epoch_s, epoch), result.metrics[row]
        efficiency = tape.channels.spectral_efficiency[row, epoch]
        confidence, drivers, predicted = tape.exits.confidence[row], tape.cost_drivers[row], tape.predicted_drivers[row]
        visible = visible_count(parameters.slots, state.queue, row)
        compute_minimum_shares(radio, tape.requests, efficiency, queue, row, choice, visible, workspace.minimum_share)
        enter_network(
            network, coefficients, confidence, drivers, predicted, queue, row, choice, threshold, visible, workspace
        )
        for node in range(parameters.kv_capacity_bytes.size):
            workspace.free_kv_bytes[node] = unreserved_bytes(
                parameters.kv_capacity_bytes, constants, nodes.reserved_tokens, row, node
            )
        admitted = admit(choice, bandwidth[row], visible, workspace, result.slot_outcome[row], metrics)
        metrics[ADMITTED] = admitted
        slots, ready_s = workspace.admitted_slots[:admitted], now_s + radio.uplink_slot_s
        write_answer_times(
            tape.requests, queue, row, radio.downlink_slot_s, bandwidth[row], slots, workspace, workspace.forecast
        )
        _join_admitted(
            padded,
            tape.requests,
            state.queue,
            log,
            nodes,
            sequences,
            row,
            ready_s,
            radio.downlink_slot_s,
            workspace.current_node,
            workspace.forecast,
            slots,
        )
        log_admissions(state.admissions, queue, row, epoch, slots)
        _take_admitted(state.queue, row, visible, result)
        until_s = decision_time_s(parameters.epoch_s, epoch + 1)
        _compute(
            parameters,
            constants,
            tape.requests,
            tape.cost_drivers,
            log,
            nodes,
            sequences,
            row,
            until_s,
            workspace.busy_s,
            metrics,
        )
        _report_slots(log, row, slots, result)
        state.epoch[row] += 1
        advance_clock(parameters, tape, state, nodes.boundary_s, row, metrics)
        if metrics[EXPIRED_COUNT] > 0.0:
            mark_expired(log.outcome[row], result.slot_request[row], visible, result.slot_expired[row])
        add_to_totals(parameters.metric_kinds, metrics, state.epoch[row], state.totals[row])
        result.reward[row] = weighted_sum(metrics, parameters.reward)


@kernel
def admissible_rows(
    parameters: PooledParameters,
    constants: IterationConstants,
    tape: PooledTape,
    state: ContinuousState,
    mask: Array,
) -> None:
    """Fills mask [R, N, K + 1]: whether a slot's request, alone on a node with the whole band, would be admitted."""
    clear_mask(mask)
    capacity_bytes, reserved = parameters.kv_capacity_bytes, state.nodes.reserved_tokens
    for row in range(mask.shape[0]):
        for node in range(mask.shape[2] - 1):
            free_bytes = unreserved_bytes(capacity_bytes, constants, reserved, row, node)
            mask_node(parameters, tape, state.queue, row, state.epoch[row], node, free_bytes, mask)


@held_kernel
def reset_held(held: Held, rows: Array) -> None:
    """`reset_row` of some rows [n] with held records, as `ContinuousDynamics` holds them."""
    parameters, _, tape, state, _ = held.value
    for row in rows:
        reset_row(parameters, tape, state, row)


@held_kernel
def step_held(held: Held, batch: Array, bandwidth: Array, result: PooledResult, first: int, last: int) -> None:
    """`step_rows` with held records."""
    parameters, constants, tape, state, workspace = held.value
    step_rows(parameters, constants, tape, state, batch, bandwidth, None, workspace, result, first, last)
