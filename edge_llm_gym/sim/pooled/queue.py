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
from edge_llm_gym.sim.pooled.records import (
    BatchLog,
    PooledParameters,
    PooledResult,
    PooledState,
    PooledTape,
    QueueState,
    RequestLog,
)
from edge_llm_gym.sim.records import RequestTape

ARRIVED, EXPIRED_COUNT, PENDING, HIDDEN = COLUMN["arrived"], COLUMN["expired"], COLUMN["pending"], COLUMN["hidden"]
ADMITTED, DELAY, QUALITY_SUM = COLUMN["admitted"], COLUMN["delay_s"], COLUMN["quality"]
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
    downlink_slot_s: float,
    metrics: Array,
) -> int:
    """Logs and counts the outcome of a request that is computed at `end_s`, and returns it."""
    answered_s = end_s + downlink_slot_s
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
def finalize_outcomes(
    requests: RequestTape,
    queue: QueueState,
    log: RequestLog,
    row: int,
    downlink_slot_s: float,
    visible: int,
    completion: Array,
    result: PooledResult,
) -> None:
    """Outcome and latency of the requests that were admitted this epoch; removes them from the queue.

    completion [N, 2] says when the admitted requests in the slots are computed, and the quality of their answers.
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
        end_s, quality = completion[position, END_S], completion[position, QUALITY]
        outcome = record_outcome(requests, log, row, request, end_s, quality, downlink_slot_s, metrics)
        metrics[ADMITTED] += 1
        result.slot_outcome[row, position] = outcome
        result.slot_latency_s[row, position] = log.latency_s[row, request]
    queue.length[row] = kept


@kernel
def _cannot_be_served(latest_start_s: Array, node_free_s: Array, request: int, earliest_s: float) -> bool:
    """Whether no node could serve the request in time any more, alone and as soon as the node is free."""
    for node in range(latest_start_s.shape[1]):
        if max(earliest_s, node_free_s[node]) <= latest_start_s[request, node] + TIME_TOLERANCE_S:
            return False
    return True


@kernel
def _expire(
    latest_start_s: Array,
    value: Array,
    node_free_s: Array,
    queue: QueueState,
    outcome: Array,
    row: int,
    earliest_s: float,
    metrics: Array,
) -> None:
    """Drops pending requests that no node can serve in time any more; arrays but those of the queue are of one row."""
    kept, pending = 0, queue.request[row]
    for position in range(queue.length[row]):
        request = pending[position]
        if _cannot_be_served(latest_start_s, node_free_s, request, earliest_s):
            outcome[request] = EXPIRED
            metrics[EXPIRED_COUNT] += 1
            metrics[EXPIRED_VALUE] += value[request]
        else:
            pending[kept] = request
            kept += 1
    queue.length[row] = kept


@kernel
def _enqueue(pending: Array, length: int, deadline_s: Array, request: int) -> None:
    """Inserts a request by deadline into a queue of `length`; among equal deadlines the earlier arrival comes first."""
    position = length
    while position > 0 and deadline_s[pending[position - 1]] > deadline_s[request]:
        pending[position] = pending[position - 1]
        position -= 1
    pending[position] = request


@kernel
def _arrive(requests: RequestTape, queue: QueueState, outcome: Array, row: int, now_s: float, metrics: Array) -> None:
    """Enqueues the requests that arrived before the decision time; outcome [C] is that of the row."""
    pending, deadline_s = queue.request[row], requests.deadline_s[row]
    request = first = queue.next_arrival[row]
    while request < requests.length[row] and requests.arrival_s[row, request] < now_s:
        _enqueue(pending, queue.length[row], deadline_s, request)
        queue.length[row] += 1
        outcome[request] = WAITING
        metrics[ARRIVED_VALUE] += requests.value[row, request]
        request += 1
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

    node_free_s [K] is the earliest time at which each node of the row could begin to compute a request that joins now.
    The state may be that of continuous batching, too.
    """
    epoch, queue, outcome = state.epoch[row], state.queue, state.requests.outcome[row]
    now_s = decision_time_s(parameters.epoch_s, epoch)
    earliest_s = now_s + parameters.radio.uplink_slot_s
    latest_start_s, value = tape.latest_start_s[row], tape.requests.value[row]
    _arrive(tape.requests, queue, outcome, row, now_s, metrics)
    _expire(latest_start_s, value, node_free_s, queue, outcome, row, earliest_s, metrics)
    metrics[PENDING] = queue.length[row]
    metrics[HIDDEN] = queue.length[row] - visible_count(parameters.slots, queue, row)
