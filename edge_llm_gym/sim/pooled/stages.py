"""The passage of admitted requests through the stages of the network: costs, exits, forwarding and quality.

A request exits at the first hosted exit whose confidence reaches the node's threshold. Requests that have not exited
when their node's blocks end are forwarded over a wired link, which the node's offload row and the request's own uniform
number select. All that happens to a request is settled in the epoch that admits it (section 3 of the system model).

offload [R, K, K] and threshold [R, K] are those of all rows. Without early exits they are None: a model of one block in
a network of one stage. Numba compiles no branch that such an argument excludes.
"""

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel
from edge_llm_gym.scenario.metrics import METRICS, ROUTING_COLUMN
from edge_llm_gym.sim.columns import END_S, QUALITY
from edge_llm_gym.sim.cost_kernels import write_cost
from edge_llm_gym.sim.exits import last_block_of, prefetch_accuracy, relative_accuracy
from edge_llm_gym.sim.links import round_trip_s, sample_next_node, wire_s
from edge_llm_gym.sim.pooled.batches import run_deep_batches, run_entry_batches, write_logged_busy_s
from edge_llm_gym.sim.pooled.clock import decision_time_s
from edge_llm_gym.sim.pooled.forecast import expect_arrival, expect_cost, is_evicted
from edge_llm_gym.sim.pooled.records import (
    AdmissionLog,
    PooledParameters,
    PooledResult,
    PooledState,
    PooledTape,
    RequestLog,
    Workspace,
)
from edge_llm_gym.sim.pooled.usage import write_usage
from edge_llm_gym.sim.records import ExitTable, ExitTape, NetworkConstants

FORWARDED = ROUTING_COLUMN["forwarded"]
CORRECT, FULL_CORRECT = ROUTING_COLUMN["correct"], ROUTING_COLUMN["full_correct"]
FIRST_EXIT = len(ROUTING_COLUMN)
assert tuple(ROUTING_COLUMN)[: len(METRICS)] == METRICS, "the metrics of both pooled dynamics share their first columns"


@kernel
def _enter_node(
    network: NetworkConstants,
    coefficients: Array,
    confidence: Array,
    drivers: Array,
    predicted_drivers: Array,
    row: int,
    request: int,
    slot: int,
    node: int,
    threshold: Array | None,
    workspace: Workspace,
) -> None:
    """Writes the cost of a slot's request on a node, and the block after which it exits there (-1: it does not).

    Time is spent through that block. Memory is reserved for all hosted blocks and the predicted output tokens, since
    the exit and the true number are not known in advance. confidence [C, E] and drivers [C, Q] are those of the row.
    """
    block, exits, first = 0, True, network.first_block[node]
    if threshold is not None:
        block, exits = last_block_of(confidence, request, first, network.last_block[node], threshold[row, node])
    hosted = network.first_hosted[node] + block - first
    write_cost(coefficients, hosted, drivers, request, workspace.cost, slot)
    expect_cost(coefficients, hosted, predicted_drivers, request, workspace.cost, workspace.forecast, slot)
    workspace.exit_block[slot] = block if exits else -1


@kernel
def enter_network(
    network: NetworkConstants,
    coefficients: Array,
    confidence: Array,
    drivers: Array,
    predicted_drivers: Array,
    queue: Array,
    row: int,
    batch: Array,
    threshold: Array | None,
    visible: int,
    workspace: Workspace,
) -> None:
    """Costs of the visible requests of a queue on the entry nodes that the action puts them on, and where they exit.

    Computed for requests that wait, too: a pass without a branch for them is faster. confidence [C, E] and drivers
    [C, Q] are those of the row.
    """
    if threshold is not None:
        workspace.round_trip_s[:visible] = 0.0
    for slot in range(visible):
        request, node = queue[slot], max(batch[slot] - 1, 0)
        _enter_node(
            network,
            coefficients,
            confidence,
            drivers,
            predicted_drivers,
            row,
            request,
            slot,
            node,
            threshold,
            workspace,
        )


@kernel
def _log_visits(
    log: RequestLog, queue: Array, row: int, stage_of: Array, stage: int, slots: Array, workspace: Workspace
) -> None:
    """Writes down the node of each admitted request in a stage, and when it is computed there."""
    for slot in slots:
        node = workspace.current_node[slot]
        if stage_of[node] == stage:
            request = queue[slot]
            log.node[row, request, stage] = node + 1
            log.finish_s[row, request, stage] = workspace.completion[slot, END_S]


@kernel
def _next_node(
    network: NetworkConstants, exits: ExitTape, row: int, request: int, node: int, stage: int, offload: Array
) -> tuple[int, float, float]:
    """The node of the next stage for a request, the time in s that it takes to get there, and its round trips in s."""
    uniform, bits = exits.route[row, request, stage + 1], exits.forward_bits[row, request]
    target = sample_next_node(network, 1 + node, offload[row], node, uniform)
    rate_bps, latency_s = network.rate_bps[node, target], network.latency_s[node, target]
    wait_s = exits.round_trips[row, request] * round_trip_s(network.round_trip_bits, rate_bps, latency_s)
    return target, wire_s(bits, rate_bps, latency_s), wait_s


@kernel
def _forward(
    parameters: PooledParameters,
    tape: PooledTape,
    queue: Array,
    row: int,
    stage: int,
    offload: Array,
    threshold: Array,
    slots: Array,
    workspace: Workspace,
) -> int:
    """Forwards the requests that do not exit in a stage: next node, time of reaching it, cost. Returns their number."""
    forwarded, network, coefficients = 0, parameters.network, parameters.cost_coefficients
    confidence, drivers, predicted_drivers = (
        tape.exits.confidence[row],
        tape.cost_drivers[row],
        tape.predicted_drivers[row],
    )
    for slot in slots:
        node, request = workspace.current_node[slot], queue[slot]
        if network.stage[node] != stage or workspace.exit_block[slot] >= 0:
            continue
        target, wired_s, wait_s = _next_node(network, tape.exits, row, request, node, stage, offload)
        workspace.current_node[slot] = target
        workspace.reach_s[slot] = workspace.completion[slot, END_S] + wired_s
        workspace.round_trip_s[slot] += wait_s
        expect_arrival(slot, wired_s, workspace.forecast)
        _enter_node(
            network,
            coefficients,
            confidence,
            drivers,
            predicted_drivers,
            row,
            request,
            slot,
            target,
            threshold,
            workspace,
        )
        forwarded += 1
    return forwarded


@kernel
def _pass_deep_stages(
    parameters: PooledParameters,
    tape: PooledTape,
    state: PooledState,
    row: int,
    offload: Array,
    threshold: Array,
    slots: Array,
    workspace: Workspace,
) -> int:
    """Takes admitted requests through the stages after the first. Returns the number of forwards."""
    total, network, capacity_bytes = 0, parameters.network, parameters.kv_capacity_bytes
    queue, log, batches, predictions = state.queue.request[row], state.requests, state.batches, state.predictions
    epoch, node_free_s = state.epoch[row], state.node_free_s[row]
    for stage in range(1, network.stages):
        forwarded = _forward(parameters, tape, queue, row, stage - 1, offload, threshold, slots, workspace)
        total += forwarded
        if forwarded == 0:
            break
        for node in range(network.stage.size):
            if network.stage[node] == stage:
                run_deep_batches(
                    batches, predictions, node_free_s, row, node, epoch, capacity_bytes[node], slots, workspace
                )
        _log_visits(log, queue, row, network.stage, stage, slots, workspace)
    return total


@kernel
def _lowest_quality(quality: Array, node: Array, stage: int) -> float:
    """The lowest quality factor among the nodes visited through a stage; node [S] holds 1 + node."""
    factor = np.inf
    for visited in range(stage + 1):
        factor = min(factor, quality[node[visited] - 1])
    return factor


@kernel
def _log_exits(
    quality: Array,
    stage_of: Array,
    exits: ExitTable,
    correct: Array,
    log: RequestLog,
    queue: Array,
    row: int,
    threshold: Array | None,
    slots: Array,
    workspace: Workspace,
    slot_exit: Array,
    metrics: Array,
) -> None:
    """Quality of the answers, and exits in the log and the metrics; correct [C, E] and slot_exit [N] are of the row.

    Completions are delayed by the round trips of the tokens, during which no node computes for the request.
    """
    if threshold is not None:
        for slot in slots:
            prefetch_accuracy(exits, workspace.exit_block[slot], threshold[row, workspace.current_node[slot]])
    for slot in slots:
        node, block, request = workspace.current_node[slot], workspace.exit_block[slot], queue[slot]
        factor = offered = _lowest_quality(quality, log.node[row, request], stage_of[node])
        if threshold is not None:
            offered = factor * relative_accuracy(exits, block, threshold[row, node])
            workspace.completion[slot, END_S] += workspace.round_trip_s[slot]
            metrics[FIRST_EXIT + block] += 1
            if not is_evicted(workspace.forecast, slot):
                metrics[CORRECT] += factor * correct[request, block]
                metrics[FULL_CORRECT] += correct[request, -1]
        workspace.completion[slot, QUALITY] = min(offered, 1.0)
        log.exit_block[row, request] = slot_exit[slot] = block + 1


@kernel
def log_admissions(log: AdmissionLog, queue: Array, row: int, epoch: int, slots: Array) -> None:
    """Appends the admitted requests of an epoch to the log."""
    count = log.until[row, epoch]
    for slot in slots:
        log.request[row, count] = queue[slot]
        count += 1
    log.until[row, epoch + 1] = count


@kernel
def run_stages(
    parameters: PooledParameters,
    tape: PooledTape,
    state: PooledState,
    row: int,
    offload: Array | None,
    threshold: Array | None,
    admitted: int,
    workspace: Workspace,
    result: PooledResult,
) -> None:
    """Computes the admitted requests in all stages; completions stand in the workspace then."""
    network, slots, batches = parameters.network, workspace.admitted_slots[:admitted], state.batches
    epoch, epoch_s, node_free_s = state.epoch[row], parameters.epoch_s, state.node_free_s[row]
    now_s, uplink_slot_s = decision_time_s(epoch_s, epoch), parameters.radio.uplink_slot_s
    run_entry_batches(
        batches,
        state.predictions,
        node_free_s,
        row,
        epoch,
        network.entry_nodes,
        now_s,
        epoch_s,
        uplink_slot_s,
        slots,
        workspace,
    )
    log, queue = state.requests, state.queue.request[row]
    _log_visits(log, queue, row, network.stage, 0, slots, workspace)
    if offload is not None and threshold is not None:
        forwarded = _pass_deep_stages(parameters, tape, state, row, offload, threshold, slots, workspace)
        result.metrics[row, FORWARDED] = forwarded
        write_logged_busy_s(batches, row, epoch, now_s, now_s + epoch_s, workspace.busy_s)
    write_usage(parameters.power, epoch_s, uplink_slot_s, workspace.busy_s, result.metrics[row])
    correct, slot_exit, metrics = tape.exits.correct[row], result.slot_exit[row], result.metrics[row]
    _log_exits(
        parameters.quality,
        network.stage,
        parameters.exits,
        correct,
        log,
        queue,
        row,
        threshold,
        slots,
        workspace,
        slot_exit,
        metrics,
    )
    log_admissions(state.admissions, queue, row, epoch, slots)
