"""The queue of pending requests: arrivals, expiry, and the settling of those who were computed."""

import numpy as np

from edge_llm_gym.compiled import kernel
from edge_llm_gym.scenario.metrics import COLUMN
from edge_llm_gym.sim.columns import END_S, QUALITY
from edge_llm_gym.sim.outcomes import BELOW_QUALITY, EMPTY, EXPIRED, LATE, SERVED, TIME_TOLERANCE_S, WAITING, outcome_of
from edge_llm_gym.sim.pooled.admission import decision_time_s, shown

ARRIVED, EXPIRED_COUNT, PENDING, UNSEEN = COLUMN["arrived"], COLUMN["expired"], COLUMN["pending"], COLUMN["hidden"]
ADMITTED, DELAY, QUALITY_SUM = COLUMN["admitted"], COLUMN["delay_s"], COLUMN["quality"]
ARRIVED_VALUE, EXPIRED_VALUE = COLUMN["arrived_value"], COLUMN["expired_value"]
COUNT_OF = np.zeros(9, np.int64)
COUNT_OF[[SERVED, LATE, BELOW_QUALITY]] = COLUMN["served"], COLUMN["late"], COLUMN["below_quality"]
VALUE_OF = np.zeros(9, np.int64)
VALUE_OF[[SERVED, LATE, BELOW_QUALITY]] = COLUMN["served_value"], COLUMN["late_value"], COLUMN["below_quality_value"]


@kernel
def finalize_outcomes(parameters, tape, state, row, batch, answer, result):  # type: ignore[no-untyped-def]
    """Outcome and latency of everyone admitted this epoch; they leave the queue.

    answer [N, 2] says when those in the slots are ready and of what quality; it counts where somebody was admitted.
    """
    kept, slots = 0, shown(parameters, state, row)
    queue = state.queue[row]
    for place in range(state.queue_length[row]):
        request = queue[place]
        if place >= slots or result.slot_outcome[row, place] != SERVED:
            queue[kept] = request
            kept += 1
            continue
        answered_s = answer[place, END_S] + parameters.downlink_slot_s
        latency_s = answered_s - tape.arrival_s[row, request]
        deadline_s, demand = tape.deadline_s[row, request], tape.accuracy[row, request]
        outcome = outcome_of(answered_s, deadline_s, answer[place, QUALITY], demand)
        if outcome == SERVED:
            result.metrics[row, DELAY] += latency_s
            result.metrics[row, QUALITY_SUM] += answer[place, QUALITY]
        result.metrics[row, ADMITTED] += 1
        result.metrics[row, COUNT_OF[outcome]] += 1
        result.metrics[row, VALUE_OF[outcome]] += tape.value[row, request]
        result.slot_outcome[row, place] = outcome
        result.slot_latency_s[row, place] = latency_s
        state.outcome[row, request] = outcome
        state.latency_s[row, request] = latency_s
        state.served_by[row, request] = batch[place]
    state.queue_length[row] = kept


@kernel
def _is_hopeless(latest_start_s, node_free_s, row, request, earliest_s):  # type: ignore[no-untyped-def]
    """Whether no node could serve the request in time any more, alone on its earliest free node."""
    for node in range(latest_start_s.shape[2]):
        start_s = max(earliest_s, node_free_s[row, node])
        if start_s <= latest_start_s[row, request, node] + TIME_TOLERANCE_S:
            return False
    return True


@kernel
def _expire(parameters, tape, state, row, metrics):  # type: ignore[no-untyped-def]
    """Drops pending requests that have become hopeless."""
    earliest_s = decision_time_s(parameters, state.epoch[row]) + parameters.uplink_slot_s
    kept = 0
    for place in range(state.queue_length[row]):
        request = state.queue[row, place]
        if _is_hopeless(tape.latest_start_s, state.node_free_s, row, request, earliest_s):
            state.outcome[row, request] = EXPIRED
            metrics[EXPIRED_COUNT] += 1
            metrics[EXPIRED_VALUE] += tape.value[row, request]
        else:
            state.queue[row, kept] = request
            kept += 1
    state.queue_length[row] = kept


@kernel
def _enqueue(queue, length, deadline_s, request):  # type: ignore[no-untyped-def]
    """Inserts a request by deadline behind `length` others; among equal deadlines the earlier arrival stands first."""
    place = length
    while place > 0 and deadline_s[queue[place - 1]] > deadline_s[request]:
        queue[place] = queue[place - 1]
        place -= 1
    queue[place] = request


@kernel
def _arrive(parameters, tape, state, row, metrics):  # type: ignore[no-untyped-def]
    """Brings in the requests that arrived before the decision time of the current epoch."""
    now_s = decision_time_s(parameters, state.epoch[row])
    queue, deadline_s = state.queue[row], tape.deadline_s[row]
    first = state.next_arrival[row]
    request = first
    while request < tape.length[row] and tape.arrival_s[row, request] < now_s:
        _enqueue(queue, state.queue_length[row], deadline_s, request)
        state.queue_length[row] += 1
        state.outcome[row, request] = WAITING
        metrics[ARRIVED_VALUE] += tape.value[row, request]
        request += 1
    state.next_arrival[row] = request
    state.arrived_last[row] = request - first
    metrics[ARRIVED] += request - first


@kernel
def _tidy_batches(state, row, now_s):  # type: ignore[no-untyped-def]
    """Moves each node's mark past the batches that have ended, so that later look-ups stay short."""
    for node in range(state.oldest_batch.shape[1]):
        oldest = state.oldest_batch[row, node]
        while oldest < state.epoch[row] and state.batch_end_s[row, node, oldest] <= now_s:
            oldest += 1
        state.oldest_batch[row, node] = oldest


@kernel
def advance_clock(parameters, tape, state, row, metrics):  # type: ignore[no-untyped-def]
    """Arrivals, then expiry, at the decision time of the current epoch; closes the epoch's metrics."""
    _tidy_batches(state, row, decision_time_s(parameters, state.epoch[row]))
    _arrive(parameters, tape, state, row, metrics)
    _expire(parameters, tape, state, row, metrics)
    length = state.queue_length[row]
    metrics[PENDING] = length
    metrics[UNSEEN] = length - shown(parameters, state, row)


@kernel
def reset_queue(parameters, tape, state, row):  # type: ignore[no-untyped-def]
    """Sets a row to the first decision time of its freshly drawn tape."""
    state.epoch[row] = 0
    state.node_free_s[row] = 0.0
    state.batch_end_s[row] = -np.inf
    state.batch_kv_bytes[row] = 0.0
    state.oldest_batch[row] = 0
    state.queue_length[row] = 0
    state.next_arrival[row] = 0
    state.outcome[row] = EMPTY
    state.served_by[row] = 0
    state.latency_s[row] = 0.0
    state.totals[row] = 0.0
    advance_clock(parameters, tape, state, row, state.totals[row])
