"""The one transition: an epoch of `admission: epoch`, written for one row, compiled, looped over rows.

Steps follow section 3 of the system model: radio, memory, computation, outcome, clock. A batch takes
T(S) = sum of work_s + max of shared_s. Decision time of epoch e is (e + 1) epoch_s, so that the first one already
sees the requests which came in before it.
"""

import numpy as np
from numba import njit

from edge_llm_gym.sim.metrics import COLUMN
from edge_llm_gym.sim.reward import weighted_sum
from edge_llm_gym.sim.state import (
    DOWNLINK,
    EMPTY,
    EXPIRED,
    LATE,
    POOR,
    REFUSED_DOWNLINK,
    REFUSED_MEMORY,
    REFUSED_UPLINK,
    SERVED,
    UPLINK,
    WAITING,
    Array,
    Parameters,
    Result,
    State,
    Tape,
)

SHARE_TOLERANCE = 1e-9  # relative: shares that add up to one must survive their normalisation
TIME_TOLERANCE_S = 1e-9
DEAD = 1e-300  # bit/s/Hz, stands for none at all

ARRIVED, EXPIRED_COUNT, PENDING, UNSEEN = COLUMN["arrived"], COLUMN["expired"], COLUMN["pending"], COLUMN["unseen"]
ASKED, ADMITTED, UTILISATION = COLUMN["asked"], COLUMN["admitted"], COLUMN["utilisation"]
ARRIVED_VALUE, EXPIRED_VALUE = COLUMN["arrived_value"], COLUMN["expired_value"]
SERVED_COUNT, DELAY, QUALITY = COLUMN["served"], COLUMN["delay_s"], COLUMN["quality"]
COUNT_OF = np.zeros(9, np.int64)
COUNT_OF[[SERVED, LATE, POOR]] = COLUMN["served"], COLUMN["late"], COLUMN["poor"]
COUNT_OF[[REFUSED_UPLINK, REFUSED_DOWNLINK, REFUSED_MEMORY]] = (
    COLUMN["refused_uplink"],
    COLUMN["refused_downlink"],
    COLUMN["refused_memory"],
)
VALUE_OF = np.zeros(9, np.int64)
VALUE_OF[[SERVED, LATE, POOR]] = COLUMN["served_value"], COLUMN["late_value"], COLUMN["poor_value"]


@njit(cache=True)
def decision_time_s(parameters: Parameters, epoch: int) -> float:
    """When epoch `epoch` begins."""
    return (epoch + 1) * parameters.epoch_s


@njit(cache=True)
def shown(parameters: Parameters, state: State, row: int) -> int:
    """Number of pending requests that have a slot."""
    return min(parameters.slots, state.queue_length[row])


@njit(cache=True)
def minimum_share(bits: float, slot_s: float, bandwidth_hz: float, spectral_efficiency: float) -> float:
    """Share of the band that carries `bits` within the slot: beyond all bounds on a dead channel, 0 for no bits."""
    return bits / (slot_s * bandwidth_hz * max(spectral_efficiency, DEAD))


# What is called for every request takes arrays and numbers: numba copies a whole record at each call.


@njit(cache=True)
def unfinished_kv_bytes(state: State, row: int, node: int, at_s: float) -> float:
    """KV caches on a node of the batches that are unfinished at `at_s`, queued ones included."""
    epoch = state.epoch[row]
    ends = state.batch_end_s[row, node]
    total = 0.0
    for begun in range(state.oldest_batch[row, node], epoch):
        if ends[begun] > at_s:
            total += state.batch_kv_bytes[row, node, begun]
    return total


@njit(cache=True)
def refusal(
    uplink_share: float,
    uplink_needed: float,
    downlink_share: float,
    downlink_needed: float,
    kv_bytes: float,
    room_bytes: float,
) -> int:
    """Why a node refuses a request that is given these shares and this room; WAITING if it does not."""
    if uplink_share * (1.0 + SHARE_TOLERANCE) < uplink_needed:
        return REFUSED_UPLINK
    if downlink_share * (1.0 + SHARE_TOLERANCE) < downlink_needed:
        return REFUSED_DOWNLINK
    if kv_bytes > room_bytes:
        return REFUSED_MEMORY
    return WAITING


@njit(cache=True)
def free_room_bytes(parameters: Parameters, state: State, row: int, node: int) -> float:
    """Room for new KV caches on a node when this epoch's uplink slot ends."""
    at_s = decision_time_s(parameters, state.epoch[row]) + parameters.uplink_slot_s
    return parameters.room_bytes[node] - unfinished_kv_bytes(state, row, node, at_s)


@njit(cache=True)
def _share(weight: float, total: float, asked: int) -> float:
    return weight / total if total > 0.0 else 1.0 / asked


@njit(cache=True)
def _ask(batch, bandwidth, slots, total, asked):  # type: ignore[no-untyped-def]
    """Adds up, for each node, the weights [K, 2] and the number [K] of the requests that are asked onto it."""
    for slot in range(slots):
        node = batch[slot] - 1
        if node >= 0:
            asked[node] += 1
            total[node, UPLINK] += bandwidth[slot, UPLINK]
            total[node, DOWNLINK] += bandwidth[slot, DOWNLINK]


@njit(cache=True)
def _need(parameters, tape, state, row, batch, needed):  # type: ignore[no-untyped-def]
    """Fills needed [n, 2] with the shares that the shown requests need on the nodes that they are asked onto.

    A pass of its own, without a branch for those who wait: its look-ups lie far apart in memory, and so they overlap.
    """
    epoch, band_hz = state.epoch[row], parameters.bandwidth_hz
    for slot in range(needed.shape[0]):
        request, node = state.queue[row, slot], max(batch[slot] - 1, 0)
        device = tape.device[row, request]
        up = tape.spectral_efficiency[row, epoch, device, node, UPLINK]
        down = tape.spectral_efficiency[row, epoch, device, node, DOWNLINK]
        up_bits, down_bits = tape.bits[row, request, UPLINK], tape.bits[row, request, DOWNLINK]
        needed[slot, UPLINK] = minimum_share(up_bits, parameters.uplink_slot_s, band_hz[node, UPLINK], up)
        needed[slot, DOWNLINK] = minimum_share(down_bits, parameters.downlink_slot_s, band_hz[node, DOWNLINK], down)


@njit(cache=True)
def _admit(parameters, tape, state, row, batch, bandwidth, result, work_s, shared_s, kv_bytes):  # type: ignore[no-untyped-def]
    """Radio and memory: decides slot by slot who joins, and adds up each node's batch."""
    nodes, slots = work_s.size, shown(parameters, state, row)
    total, asked, room_bytes = np.zeros((nodes, 2)), np.zeros(nodes, np.int64), np.empty(nodes)
    needed = np.empty((slots, 2))
    _ask(batch, bandwidth, slots, total, asked)
    _need(parameters, tape, state, row, batch, needed)
    for node in range(nodes):
        room_bytes[node] = free_room_bytes(parameters, state, row, node)
    for slot in range(slots):
        request = state.queue[row, slot]
        result.slot_request[row, slot] = request
        node = batch[slot] - 1
        if node < 0:
            result.slot_outcome[row, slot] = WAITING
            continue
        why = refusal(
            _share(bandwidth[slot, UPLINK], total[node, UPLINK], asked[node]),
            needed[slot, UPLINK],
            _share(bandwidth[slot, DOWNLINK], total[node, DOWNLINK], asked[node]),
            needed[slot, DOWNLINK],
            tape.kv_bytes[row, request, node],
            room_bytes[node] - kv_bytes[node],
        )
        result.metrics[row, ASKED] += 1
        if why != WAITING:
            result.slot_outcome[row, slot] = why
            result.metrics[row, COUNT_OF[why]] += 1
            continue
        result.slot_outcome[row, slot] = SERVED  # settled once the batch's end is known
        work_s[node] += tape.work_s[row, request, node]
        shared_s[node] = max(shared_s[node], tape.shared_s[row, request, node])
        kv_bytes[node] += tape.kv_bytes[row, request, node]


@njit(cache=True)
def _compute(parameters, state, row, result, work_s, shared_s, kv_bytes):  # type: ignore[no-untyped-def]
    """Runs each node's new batch after its earlier ones, and measures how busy the epoch was."""
    nodes = work_s.size
    epoch = state.epoch[row]
    now_s = decision_time_s(parameters, epoch)
    busy_s = 0.0
    for node in range(nodes):
        free_s = state.node_free_s[row, node]
        busy_s += min(max(free_s - now_s, 0.0), parameters.epoch_s)
        if kv_bytes[node] > 0.0:
            start_s = max(now_s + parameters.uplink_slot_s, free_s)
            end_s = start_s + work_s[node] + shared_s[node]
            state.batch_end_s[row, node, epoch] = end_s
            state.batch_kv_bytes[row, node, epoch] = kv_bytes[node]
            state.node_free_s[row, node] = end_s
            until_s = now_s + parameters.epoch_s
            busy_s += max(min(end_s, until_s) - min(start_s, until_s), 0.0)
    result.metrics[row, UTILISATION] = busy_s / (parameters.epoch_s * nodes)


@njit(cache=True)
def _settle(parameters, tape, state, row, batch, result):  # type: ignore[no-untyped-def]
    """Outcome and latency of everyone admitted this epoch; they leave the queue."""
    length, kept = state.queue_length[row], 0
    slots = shown(parameters, state, row)
    queue = state.queue[row]
    for place in range(length):
        request = queue[place]
        if place >= slots or result.slot_outcome[row, place] != SERVED:
            queue[kept] = request
            kept += 1
            continue
        node = batch[place] - 1
        finish_s = state.node_free_s[row, node] + parameters.downlink_slot_s
        latency_s = finish_s - tape.arrival_s[row, request]
        outcome = SERVED
        if finish_s > tape.deadline_s[row, request] + TIME_TOLERANCE_S:
            outcome = LATE
        elif parameters.quality[node] < tape.accuracy[row, request]:
            outcome = POOR
        else:
            result.metrics[row, DELAY] += latency_s
            result.metrics[row, QUALITY] += parameters.quality[node]
        result.metrics[row, ADMITTED] += 1
        result.metrics[row, COUNT_OF[outcome]] += 1
        result.metrics[row, VALUE_OF[outcome]] += tape.value[row, request]
        result.slot_outcome[row, place] = outcome
        result.slot_latency_s[row, place] = latency_s
        state.outcome[row, request] = outcome
        state.latency_s[row, request] = latency_s
        state.served_by[row, request] = node + 1
    state.queue_length[row] = kept


@njit(cache=True)
def _is_hopeless(latest_start_s, node_free_s, row, request, earliest_s):  # type: ignore[no-untyped-def]
    """Whether no node could serve the request in time any more, alone on its earliest free node."""
    for node in range(node_free_s.shape[1]):
        start_s = max(earliest_s, node_free_s[row, node])
        if start_s <= latest_start_s[row, request, node] + TIME_TOLERANCE_S:
            return False
    return True


@njit(cache=True)
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


@njit(cache=True)
def _enqueue(queue, length, deadline_s, request):  # type: ignore[no-untyped-def]
    """Inserts a request by deadline behind `length` others; among equal deadlines the earlier arrival stands first."""
    place = length
    while place > 0 and deadline_s[queue[place - 1]] > deadline_s[request]:
        queue[place] = queue[place - 1]
        place -= 1
    queue[place] = request


@njit(cache=True)
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


@njit(cache=True)
def _tidy_batches(state, row, now_s):  # type: ignore[no-untyped-def]
    """Moves each node's mark past the batches that have ended, so that later look-ups stay short."""
    for node in range(state.oldest_batch.shape[1]):
        oldest = state.oldest_batch[row, node]
        while oldest < state.epoch[row] and state.batch_end_s[row, node, oldest] <= now_s:
            oldest += 1
        state.oldest_batch[row, node] = oldest


@njit(cache=True)
def _turn_clock(parameters, tape, state, row, metrics):  # type: ignore[no-untyped-def]
    """Arrivals, then expiry, at the decision time of the current epoch; closes the epoch's metrics."""
    _tidy_batches(state, row, decision_time_s(parameters, state.epoch[row]))
    _arrive(parameters, tape, state, row, metrics)
    _expire(parameters, tape, state, row, metrics)
    length = state.queue_length[row]
    metrics[PENDING] = length
    metrics[UNSEEN] = length - shown(parameters, state, row)
    state.totals[row] += metrics


@njit(cache=True)
def begin_row(parameters: Parameters, tape: Tape, state: State, row: int) -> None:
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
    _turn_clock(parameters, tape, state, row, np.zeros(state.totals.shape[1]))


@njit(cache=True)
def step_row(
    parameters: Parameters, tape: Tape, state: State, row: int, batch: Array, bandwidth: Array, result: Result
) -> None:
    """One epoch of one row. batch [N] int64 in 0..K, bandwidth [N, 2] float64 >= 0; both already checked."""
    nodes = parameters.room_bytes.size
    work_s, shared_s, kv_bytes = np.zeros(nodes), np.zeros(nodes), np.zeros(nodes)
    _admit(parameters, tape, state, row, batch, bandwidth, result, work_s, shared_s, kv_bytes)
    _compute(parameters, state, row, result, work_s, shared_s, kv_bytes)
    _settle(parameters, tape, state, row, batch, result)
    state.epoch[row] += 1
    _turn_clock(parameters, tape, state, row, result.metrics[row])
    result.reward[row] = weighted_sum(result.metrics[row], parameters.reward_column, parameters.reward_weight)


@njit(cache=True)
def step_rows(parameters: Parameters, tape: Tape, state: State, batch: Array, bandwidth: Array, result: Result) -> None:
    """One epoch of every row: batch [R, N] int64, bandwidth [R, N, 2] float64."""
    for row in range(batch.shape[0]):
        step_row(parameters, tape, state, row, batch[row], bandwidth[row], result)


@njit(cache=True)
def admissible(parameters: Parameters, tape: Tape, state: State, row: int, mask: Array) -> None:
    """Fills mask [N, K + 1]: whether a slot's request, asked alone with the whole band, would not be refused."""
    mask[:, 0] = True
    mask[:, 1:] = False
    slots = shown(parameters, state, row)
    needed = np.empty((slots, 2))
    for node in range(parameters.room_bytes.size):
        room = free_room_bytes(parameters, state, row, node)
        _need(parameters, tape, state, row, np.full(slots, node + 1), needed)
        for slot in range(slots):
            kv_bytes = tape.kv_bytes[row, state.queue[row, slot], node]
            why = refusal(1.0, needed[slot, UPLINK], 1.0, needed[slot, DOWNLINK], kv_bytes, room)
            mask[slot, node + 1] = why == WAITING


@njit(cache=True)
def admissible_rows(parameters: Parameters, tape: Tape, state: State, mask: Array) -> None:
    """Fills mask [R, N, K + 1] for every row."""
    for row in range(mask.shape[0]):
        admissible(parameters, tape, state, row, mask[row])
