"""The queue of pending requests: final outcomes of computed requests, arrivals and expiry."""

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel
from edge_llm_gym.scenario.metrics import COLUMN
from edge_llm_gym.sim.columns import END_S, QUALITY
from edge_llm_gym.sim.outcomes import (
    BELOW_QUALITY,
    EXPIRED,
    LATE,
    OUTCOME_NAMES,
    SERVED,
    TIME_TOLERANCE_S,
    WAITING,
    outcome_of,
)
from edge_llm_gym.sim.pooled.clock import decision_time_s, visible_count
from edge_llm_gym.sim.pooled.expectations import expected_free_s, log_expiry
from edge_llm_gym.sim.pooled.forecast import answer_s, is_evicted, log_eviction
from edge_llm_gym.sim.pooled.records import (
    BatchLog,
    Forecast,
    PooledParameters,
    PooledResult,
    PooledState,
    PooledTape,
    PredictionLog,
    QueueState,
    RequestLog,
)
from edge_llm_gym.sim.records import RequestTape
from edge_llm_gym.sim.sorting import sort_into

ARRIVED, EXPIRED_COUNT, PENDING, HIDDEN = COLUMN["arrived"], COLUMN["expired"], COLUMN["pending"], COLUMN["hidden"]
ADMITTED, DELAY, QUALITY_SUM = COLUMN["admitted"], COLUMN["delay_s"], COLUMN["quality"]
EVICTED = COLUMN["evicted"]
ARRIVED_VALUE, EXPIRED_VALUE = COLUMN["arrived_value"], COLUMN["expired_value"]
OUTCOME_CODES = len(OUTCOME_NAMES)
COUNT_OF = np.zeros(OUTCOME_CODES, np.int64)
COUNT_OF[[SERVED, LATE, BELOW_QUALITY]] = COLUMN["served"], COLUMN["late"], COLUMN["below_quality"]
VALUE_OF = np.zeros(OUTCOME_CODES, np.int64)
VALUE_OF[[SERVED, LATE, BELOW_QUALITY]] = (
    COLUMN["served_value"],
    COLUMN["late_value"],
    COLUMN["below_quality_value"],
)


@kernel
def record_outcome(
    requests: RequestTape,
    log: RequestLog,
    row: int,
    request: int,
    end_s: float,
    quality: float,
    answering_s: float,
    metrics: Array,
) -> int:
    """Logs, counts and returns the outcome of a request that is computed at `end_s`; sending takes `answering_s`."""
    answered_s = end_s + answering_s
    latency_s = answered_s - requests.arrival_s[row, request]
    deadline_s, demand = requests.deadline_s[row, request], requests.quality_demand[row, request]
    outcome = outcome_of(answered_s, deadline_s, quality, demand)
    if outcome == SERVED:
        metrics[DELAY] += latency_s
        metrics[QUALITY_SUM] += quality
    metrics[COUNT_OF[outcome]] += 1
    metrics[VALUE_OF[outcome]] += requests.value[row, request]
    log.outcome[row, request], log.latency_s[row, request] = outcome, latency_s
    return outcome


@kernel
def record_eviction(requests: RequestTape, log: RequestLog, row: int, request: int, metrics: Array) -> int:
    """Logs, counts and returns the outcome of an evicted request: it has no answer, so it is late with latency 0."""
    metrics[EVICTED] += 1
    metrics[COUNT_OF[LATE]] += 1
    metrics[VALUE_OF[LATE]] += requests.value[row, request]
    log.outcome[row, request], log.latency_s[row, request] = LATE, 0.0
    return LATE


@kernel
def finalize_outcomes(
    requests: RequestTape,
    queue: QueueState,
    log: RequestLog,
    row: int,
    downlink_slot_s: float,
    visible: int,
    completion: Array,
    forecast: Forecast | None,
    result: PooledResult,
) -> None:
    """Outcome and latency of the requests that were admitted this epoch; removes them from the queue.

    completion [N, 2] says when the admitted requests in the slots are computed, and the quality of their answers. An
    evicted request has no answer: it is late, with the latency 0.
    """
    kept, pending, metrics = 0, queue.request[row], result.metrics[row]
    for position in range(queue.length[row]):
        request = pending[position]
        if position < visible:
            result.slot_request[row, position] = request
        if position >= visible or result.slot_outcome[row, position] != SERVED:
            pending[kept] = request
            kept += 1
            continue
        if is_evicted(forecast, position):
            outcome = record_eviction(requests, log, row, request, metrics)
            log_eviction(result.slot_evicted, row, position)
        else:
            end_s, quality = completion[position, END_S], completion[position, QUALITY]
            answering_s = answer_s(forecast, downlink_slot_s, position)
            outcome = record_outcome(requests, log, row, request, end_s, quality, answering_s, metrics)
        metrics[ADMITTED] += 1
        result.slot_outcome[row, position] = outcome
        result.slot_latency_s[row, position] = log.latency_s[row, request]
    queue.length[row] = kept


@kernel
def _cannot_be_served(
    latest_start_s: Array,
    predictions: PredictionLog | None,
    node_free_s: Array,
    row: int,
    request: int,
    earliest_s: float,
) -> bool:
    """Whether no node could serve the request in time any more, alone and as soon as the node is free, as predicted."""
    for node in range(latest_start_s.shape[1]):
        free_s = expected_free_s(predictions, node_free_s, row, node)
        if max(earliest_s, free_s) <= latest_start_s[request, node] + TIME_TOLERANCE_S:
            return False
    return True


@kernel
def _expire(
    latest_start_s: Array,
    value: Array,
    predictions: PredictionLog | None,
    node_free_s: Array,
    queue: QueueState,
    outcome: Array,
    row: int,
    epoch: int,
    earliest_s: float,
    metrics: Array,
) -> None:
    """Drops pending requests that no node can serve in time any more.

    latest_start_s [C, K1], value [C] and outcome [C] are those of the row, node_free_s [R, K] of all rows.
    """
    kept, pending = 0, queue.request[row]
    for position in range(queue.length[row]):
        request = pending[position]
        if _cannot_be_served(latest_start_s, predictions, node_free_s, row, request, earliest_s):
            outcome[request] = EXPIRED
            log_expiry(predictions, row, request, epoch)
            metrics[EXPIRED_COUNT] += 1
            metrics[EXPIRED_VALUE] += value[request]
        else:
            pending[kept] = request
            kept += 1
    queue.length[row] = kept


@kernel
def mark_expired(outcome: Array, slot_request: Array, visible: int, slot_expired: Array) -> None:
    """Marks in slot_expired [N] the visible slots of an epoch whose requests [N] have expired at its end.

    outcome [C] is that of the row.
    """
    for slot in range(visible):
        slot_expired[slot] = outcome[slot_request[slot]] == EXPIRED


@kernel
def _arrive(requests: RequestTape, queue: QueueState, outcome: Array, row: int, now_s: float, metrics: Array) -> None:
    """Enqueues by deadline the requests that arrived before the decision time; outcome [C] is that of the row.

    Among equal deadlines the earlier arrival comes first.
    """
    pending, waiting = queue.request[row], queue.length[row]
    request = first = queue.next_arrival[row]
    while request < requests.length[row] and requests.arrival_s[row, request] < now_s:
        pending[waiting + request - first] = request
        outcome[request] = WAITING
        metrics[ARRIVED_VALUE] += requests.value[row, request]
        request += 1
    queue.length[row] = waiting + request - first
    sort_into(pending, waiting, queue.length[row], requests.deadline_s[row], queue.scratch[row])
    queue.next_arrival[row] = request
    queue.arrived_last[row] = request - first
    metrics[ARRIVED] += request - first


@kernel
def skip_ended_batches(batches: BatchLog, row: int, epoch: int, now_s: float) -> None:
    """Moves each node's mark past the batches that have ended, so that later sums stay short."""
    for node in range(batches.oldest.shape[1]):
        oldest = batches.oldest[row, node]
        while oldest < epoch and batches.end_s[row, node, oldest] <= now_s:
            oldest += 1
        batches.oldest[row, node] = oldest


@kernel
def advance_clock(
    parameters: PooledParameters, tape: PooledTape, state: PooledState, node_free_s: Array, row: int, metrics: Array
) -> None:
    """Arrivals, then expiry, at the decision time of the current epoch; completes the epoch's metrics.

    node_free_s [R, K] is the earliest time at which each node could begin to compute a request that joins now.
    The state may be that of continuous batching, too.
    """
    epoch, queue, outcome = state.epoch[row], state.queue, state.requests.outcome[row]
    now_s = decision_time_s(parameters.epoch_s, epoch)
    earliest_s = now_s + parameters.radio.uplink_slot_s
    latest_start_s, value, predictions = tape.latest_start_s[row], tape.requests.value[row], state.predictions
    _arrive(tape.requests, queue, outcome, row, now_s, metrics)
    _expire(latest_start_s, value, predictions, node_free_s, queue, outcome, row, epoch, earliest_s, metrics)
    metrics[PENDING] = queue.length[row]
    metrics[HIDDEN] = queue.length[row] - visible_count(parameters.slots, queue, row)
