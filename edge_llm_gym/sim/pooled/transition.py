"""The transition of pooled dynamics: one epoch of every row, compiled.

The order of an epoch is that of section 3 of the system model: radio and memory (`admission`), computation stage by
stage (`stages`), outcomes, clock, arrivals and expiry (`queue`). A network without links has one stage.
"""

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel, row_kernel
from edge_llm_gym.held import Held, held_kernel
from edge_llm_gym.sim.outcomes import EMPTY
from edge_llm_gym.sim.pooled.admission import admit, compute_minimum_shares, write_free_memory
from edge_llm_gym.sim.pooled.clock import decision_time_s, visible_count
from edge_llm_gym.sim.pooled.expectations import clear_predictions, update_expectations
from edge_llm_gym.sim.pooled.forecast import begin_forecast, write_answer_times
from edge_llm_gym.sim.pooled.prefetching import prefetch_confidences, prefetch_passage, prefetch_step
from edge_llm_gym.sim.pooled.queue import (
    EXPIRED_COUNT,
    advance_clock,
    finalize_outcomes,
    mark_expired,
    skip_ended_batches,
)
from edge_llm_gym.sim.pooled.records import PooledParameters, PooledResult, PooledState, PooledTape, Workspace
from edge_llm_gym.sim.pooled.stages import enter_network, run_stages
from edge_llm_gym.sim.reward import weighted_sum
from edge_llm_gym.sim.totals import add_to_totals


@kernel
def _advance(parameters: PooledParameters, tape: PooledTape, state: PooledState, row: int, metrics: Array) -> None:
    """What is known of the batches at the decision time of the current epoch; then arrivals and expiry."""
    epoch, batches = state.epoch[row], state.batches
    now_s = decision_time_s(parameters.epoch_s, epoch)
    skip_ended_batches(batches, row, epoch, now_s)
    update_expectations(state.predictions, batches, row, epoch, now_s, now_s + parameters.radio.uplink_slot_s)
    advance_clock(parameters, tape, state, state.node_free_s, row, metrics)


@row_kernel
def reset_row(parameters: PooledParameters, tape: PooledTape, state: PooledState, row: int) -> None:
    """Sets a row to the first decision time of its freshly drawn tape."""
    state.epoch[row] = 0
    state.node_free_s[row] = 0.0
    state.queue.length[row] = 0
    state.queue.next_arrival[row] = 0
    state.batches.begin_s[row] = np.inf
    state.batches.end_s[row] = -np.inf
    state.batches.kv_bytes[row] = 0.0
    state.batches.oldest[row] = 0
    state.requests.codes[row] = EMPTY
    state.requests.latency_s[row] = 0.0
    state.admissions.until[row] = 0
    clear_predictions(state.predictions, row)
    state.threshold_last[row] = 0.0
    state.totals[row] = 0.0
    _advance(parameters, tape, state, row, state.totals[row])


@row_kernel
def step_rows(
    parameters: PooledParameters,
    tape: PooledTape,
    state: PooledState,
    batch: Array,
    bandwidth: Array,
    offload: Array | None,
    threshold: Array | None,
    workspace: Workspace,
    result: PooledResult,
    first: int,
    last: int,
) -> None:
    """One epoch of the rows `first` to `last` - 1, which use the workspace in turn.

    batch [R, N] int64 in 0..K1, bandwidth [R, N, 2] float64 >= 0, offload [R, K, K] and threshold [R, K] float32 in
    [0, 1]; all already checked. Without early exits, offload and threshold are None.
    """
    radio, network, capacity_bytes = parameters.radio, parameters.network, parameters.kv_capacity_bytes
    coefficients, shares, completion = parameters.cost_coefficients, workspace.minimum_share, workspace.completion
    batches, predictions, forecast = state.batches, state.predictions, workspace.forecast
    for row in range(first, last):
        prefetch_step(tape, state.queue, parameters.slots, state.epoch, min(row + 1, last - 1))
        if threshold is not None:
            for node in range(threshold.shape[1]):
                state.threshold_last[row, node] = threshold[row, node]
        epoch, queue, choice = state.epoch[row], state.queue.request[row], batch[row]
        at_s = decision_time_s(parameters.epoch_s, epoch) + radio.uplink_slot_s
        efficiency, metrics = tape.channels.spectral_efficiency[row, epoch], result.metrics[row]
        confidence, drivers, predicted = tape.exits.confidence[row], tape.cost_drivers[row], tape.predicted_drivers[row]
        visible = visible_count(parameters.slots, state.queue, row)
        if threshold is not None:
            prefetch_confidences(tape.exits, queue, row, visible)
        compute_minimum_shares(radio, tape.requests, efficiency, queue, row, choice, visible, shares)
        enter_network(
            network, coefficients, confidence, drivers, predicted, queue, row, choice, threshold, visible, workspace
        )
        outcome = result.slot_outcome[row]
        write_free_memory(capacity_bytes, batches, predictions, row, epoch, at_s, workspace.free_kv_bytes)
        admitted = admit(choice, bandwidth[row], visible, workspace, outcome, metrics)
        if threshold is not None:
            prefetch_passage(tape.exits, state.requests, queue, row, workspace.admitted_slots[:admitted])
        begin_forecast(capacity_bytes, batches, predictions, row, epoch, at_s, network.entry_nodes, forecast)
        slots, downlink_slot_s = workspace.admitted_slots[:admitted], radio.downlink_slot_s
        write_answer_times(tape.requests, queue, row, downlink_slot_s, bandwidth[row], slots, workspace, forecast)
        run_stages(parameters, tape, state, row, offload, threshold, admitted, workspace, result)
        finalize_outcomes(
            tape.requests, state.queue, state.requests, row, downlink_slot_s, visible, completion, forecast, result
        )
        state.epoch[row] += 1
        _advance(parameters, tape, state, row, metrics)
        if metrics[EXPIRED_COUNT] > 0.0:
            mark_expired(state.requests.outcome[row], result.slot_request[row], visible, result.slot_expired[row])
        add_to_totals(parameters.metric_kinds, metrics, state.epoch[row], state.totals[row])
        result.reward[row] = weighted_sum(metrics, parameters.reward)


@held_kernel
def reset_held(held: Held, rows: Array) -> None:
    """`reset_row` of some rows [n] with held records, as `PooledDynamics` holds them."""
    parameters, tape, state, _ = held.value
    for row in rows:
        reset_row(parameters, tape, state, row)


@held_kernel
def step_held(
    held: Held,
    batch: Array,
    bandwidth: Array,
    offload: Array | None,
    threshold: Array | None,
    result: PooledResult,
    first: int,
    last: int,
) -> None:
    """`step_rows` with held records."""
    parameters, tape, state, workspace = held.value
    step_rows(parameters, tape, state, batch, bandwidth, offload, threshold, workspace, result, first, last)
