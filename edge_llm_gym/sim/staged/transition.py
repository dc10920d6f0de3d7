"""The transition of `admission: staged`: an epoch of one row, compiled, looped over rows.

Pooled requests join the batches of entry nodes as in epoch admission. A request leaves at the first hosted exit whose
confidence reaches the node's threshold. Those that have not left when their node's blocks end go on over a wired link,
which the node's offload row and the request's own uniform number choose. A deeper node batches what reaches it this
epoch once the last of it has arrived, in the order of the slots, and starts another batch where its memory is full. So
all that happens to a request is settled in the epoch that admits it (section 3 of the system model).
"""

import numpy as np
from numba import njit

from edge_llm_gym.sim.admission import KV, SHARED, WORK, add_claim, admit, decision_time_s, need, shown
from edge_llm_gym.sim.exits import expected_accuracy, last_block_of
from edge_llm_gym.sim.links import receiver, wire_s
from edge_llm_gym.sim.metrics import COLUMN, METRICS, STAGED_COLUMN
from edge_llm_gym.sim.queue import FINISH, OFFERED, begin_queue, settle, turn_clock
from edge_llm_gym.sim.reward import weighted_sum
from edge_llm_gym.sim.staged.state import FIRST, LAST, PLACE
from edge_llm_gym.sim.state import SERVED
from edge_llm_gym.sim.transition import run_batch

UTILISATION = COLUMN["utilisation"]
FORWARDED, CORRECT = STAGED_COLUMN["forwarded"], STAGED_COLUMN["correct"]
FIRST_EXIT = len(STAGED_COLUMN)
assert tuple(STAGED_COLUMN)[: len(METRICS)] == METRICS, "the kernels of epoch admission write these columns"


# What is called for every request takes arrays and numbers: numba copies a whole record at each call.


@njit(cache=True, inline="always")
def _claim(confidence, work_s, shared_s, kv_bytes, hosts, request, node, threshold, claim, slot):  # type: ignore[no-untyped-def]
    """Fills claim [slot] with what a request takes on a node; returns the block after which it leaves there, or -1.

    Time is spent through that block; memory is held for all blocks, since nobody knows beforehand. The arrays are those
    of a row of the tape.
    """
    first, last = hosts[node, FIRST], hosts[node, LAST]
    block, leaves = last_block_of(confidence, request, first, last, threshold)
    hosted = hosts[node, PLACE] + block - first
    claim[slot, WORK] = work_s[request, hosted]
    claim[slot, SHARED] = shared_s[request, hosted]
    claim[slot, KV] = kv_bytes[request, node]
    return block if leaves else -1


@njit(cache=True)
def _enter(parameters, tape, state, row, batch, threshold, claim, exit_block):  # type: ignore[no-untyped-def]
    """Claims of the shown requests on the entry nodes; exit_block [n] is where they leave them, -1 if they go on."""
    confidence, work_s, shared_s = tape.confidence[row], tape.hosted_work_s[row], tape.hosted_shared_s[row]
    kv_bytes, hosts, queue = tape.kv_bytes[row], parameters.hosts, state.queue[row]
    for slot in range(exit_block.size):
        node = max(batch[slot] - 1, 0)
        exit_block[slot] = _claim(
            confidence, work_s, shared_s, kv_bytes, hosts, queue[slot], node, threshold[node], claim, slot
        )


@njit(cache=True)
def _close(state, row, node, ready_s, load, first, end, at, answer):  # type: ignore[no-untyped-def]
    """Runs the batch of a node's requests in the slots first..end - 1, and empties the load."""
    epoch = state.epoch[row]
    held = state.batch_kv_bytes[row, node, epoch]
    start_s, end_s = run_batch(state, row, node, ready_s, load[node])
    state.batch_kv_bytes[row, node, epoch] = max(state.batch_kv_bytes[row, node, epoch], held)
    state.batch_begin_s[row, node, epoch] = min(state.batch_begin_s[row, node, epoch], start_s)
    load[node] = 0.0
    for slot in range(first, end):
        if at[slot] == node:
            answer[slot, FINISH] = end_s


@njit(cache=True)
def _run_entry(parameters, state, row, load, at, answer):  # type: ignore[no-untyped-def]
    """Runs the batches that were admitted."""
    ready_s = decision_time_s(parameters, state.epoch[row]) + parameters.uplink_slot_s
    for node in range(parameters.stations):
        if load[node, KV] > 0.0:
            _close(state, row, node, ready_s, load, 0, at.size, at, answer)


@njit(cache=True)
def _run_deep(parameters, state, row, node, room_bytes, claim, load, at, reach_s, answer):  # type: ignore[no-untyped-def]
    """Runs on a deep node what reached it this epoch, in as few batches as its memory allows."""
    first, ready_s = 0, -np.inf
    for slot in range(at.size):
        if at[slot] == node:
            ready_s = max(ready_s, reach_s[slot])
    for slot in range(at.size):
        if at[slot] != node:
            continue
        if load[node, KV] > 0.0 and load[node, KV] + claim[slot, KV] > room_bytes:
            _close(state, row, node, ready_s, load, first, slot, at, answer)
            first = slot
        add_claim(load, node, claim, slot)
    if load[node, KV] > 0.0:
        _close(state, row, node, ready_s, load, first, at.size, at, answer)


@njit(cache=True)
def _forward(parameters, tape, state, row, stage, offload, threshold, claim, at, exit_block, answer, reach_s):  # type: ignore[no-untyped-def]
    """Sends on those of a stage that have not left; fills in who gets where and when. Returns how many they are."""
    sent = 0
    confidence, work_s, shared_s = tape.confidence[row], tape.hosted_work_s[row], tape.hosted_shared_s[row]
    kv_bytes, hosts, queue = tape.kv_bytes[row], parameters.hosts, state.queue[row]
    route, bits = tape.route[row], tape.forward_bits[row]
    link_first, link_target = parameters.link_first, parameters.link_target
    for slot in range(at.size):
        node = at[slot]
        if node < 0 or parameters.stage[node] != stage or exit_block[slot] >= 0:
            continue
        request = queue[slot]
        to = receiver(link_first, link_target, node, offload, node, route[request, stage + 1])
        reach_s[slot] = answer[slot, FINISH]
        reach_s[slot] += wire_s(bits[request], parameters.rate_bps[node, to], parameters.latency_s[node, to])
        at[slot] = to
        exit_block[slot] = _claim(
            confidence, work_s, shared_s, kv_bytes, hosts, request, to, threshold[to], claim, slot
        )
        sent += 1
    return sent


@njit(cache=True)
def _note_visits(state, row, stage_of, stage, at, answer):  # type: ignore[no-untyped-def]
    """Writes down where the admitted are at a stage, and when they are done there."""
    for slot in range(at.size):
        if at[slot] >= 0 and stage_of[at[slot]] == stage:
            request = state.queue[row, slot]
            state.visited[row, request, stage] = at[slot] + 1
            state.finish_s[row, request, stage] = answer[slot, FINISH]


@njit(cache=True)
def _note_exits(parameters, tape, state, row, threshold, at, exit_block, answer, metrics):  # type: ignore[no-untyped-def]
    """Quality of the answers, exits and right answers; the quality factor of a way is the lowest of its nodes."""
    count = state.admitted_until[row, state.epoch[row]]
    for slot in range(at.size):
        if at[slot] < 0:
            continue
        request, block = state.queue[row, slot], exit_block[slot]
        factor = np.inf
        for stage in range(parameters.stage[at[slot]] + 1):
            factor = min(factor, parameters.quality[state.visited[row, request, stage] - 1])
        sorted_confidence, tail_accuracy = parameters.sorted_confidence, parameters.tail_accuracy
        accuracy = expected_accuracy(sorted_confidence, tail_accuracy, block, threshold[at[slot]])
        answer[slot, OFFERED] = min(factor * accuracy, 1.0)
        state.exit_block[row, request] = block + 1
        state.admitted[row, count] = request
        count += 1
        metrics[FIRST_EXIT + block] += 1
        metrics[CORRECT] += factor * tape.correct[row, request, block]
    state.admitted_until[row, state.epoch[row] + 1] = count


@njit(cache=True)
def _busy_share(parameters, state, row):  # type: ignore[no-untyped-def]
    """Share of the epoch that nodes compute, their mean. A deep node may wait for an epoch's batch to arrive."""
    epoch, busy_s = state.epoch[row], 0.0
    now_s = decision_time_s(parameters, epoch)
    until_s = now_s + parameters.epoch_s
    for node in range(state.node_free_s.shape[1]):
        for begun in range(state.oldest_batch[row, node], epoch + 1):
            begin_s, end_s = state.batch_begin_s[row, node, begun], state.batch_end_s[row, node, begun]
            busy_s += max(min(end_s, until_s) - max(begin_s, now_s), 0.0)
    return busy_s / (parameters.epoch_s * state.node_free_s.shape[1])


@njit(cache=True)
def begin_row(parameters, tape, state, row):  # type: ignore[no-untyped-def]
    """Sets a row to the first decision time of its freshly drawn tape."""
    state.threshold_last[row] = 0.0
    state.batch_begin_s[row] = np.inf
    state.exit_block[row] = 0
    state.visited[row] = 0
    state.finish_s[row] = 0.0
    state.admitted[row] = 0
    state.admitted_until[row] = 0
    begin_queue(parameters, tape, state, row)


@njit(cache=True)
def _pass_stages(parameters, tape, state, row, offload, threshold, claim, load, at, exit_block, answer, reach_s):  # type: ignore[no-untyped-def]
    """Takes the admitted through all stages. Returns how many were sent on, one for each link."""
    forwarded = 0
    _run_entry(parameters, state, row, load, at, answer)
    _note_visits(state, row, parameters.stage, 0, at, answer)
    for stage in range(parameters.stages - 1):
        sent = _forward(parameters, tape, state, row, stage, offload, threshold, claim, at, exit_block, answer, reach_s)
        forwarded += sent
        if sent == 0:
            break
        for node in range(load.shape[0]):
            if parameters.stage[node] == stage + 1:
                room_bytes = parameters.room_bytes[node]
                _run_deep(parameters, state, row, node, room_bytes, claim, load, at, reach_s, answer)
        _note_visits(state, row, parameters.stage, stage + 1, at, answer)
    return forwarded


@njit(cache=True)
def _step_row(parameters, tape, state, row, batch, bandwidth, offload, threshold, places, result):  # type: ignore[no-untyped-def]
    """One epoch of one row; the arrays were checked before. `places` are work space."""
    slots, metrics = shown(parameters, state, row), result.metrics[row]
    needed, claim, answer, load, at, exit_block, reach_s = places
    needed, claim, answer = needed[:slots], claim[:slots], answer[:slots]
    at, exit_block, reach_s = at[:slots], exit_block[:slots], reach_s[:slots]
    load[:] = 0.0
    state.threshold_last[row] = threshold
    need(parameters, tape, state, row, batch, needed)
    _enter(parameters, tape, state, row, batch, threshold, claim, exit_block)
    admit(parameters, state, row, batch, bandwidth, needed, claim, result, load)
    for slot in range(slots):
        at[slot] = batch[slot] - 1 if result.slot_outcome[row, slot] == SERVED else -1
    metrics[FORWARDED] = _pass_stages(
        parameters, tape, state, row, offload, threshold, claim, load, at, exit_block, answer, reach_s
    )
    metrics[UTILISATION] = _busy_share(parameters, state, row)
    _note_exits(parameters, tape, state, row, threshold, at, exit_block, answer, metrics)
    settle(parameters, tape, state, row, batch, answer, result)
    state.epoch[row] += 1
    turn_clock(parameters, tape, state, row, metrics)
    result.reward[row] = weighted_sum(metrics, parameters.reward_column, parameters.reward_weight)


@njit(cache=True)
def step_rows(parameters, tape, state, batch, bandwidth, offload, threshold, result):  # type: ignore[no-untyped-def]
    """One epoch of every row.

    batch [R, N] int64 in 0..K1, bandwidth [R, N, 2] float64, offload [R, K, K] and threshold [R, K] float32.
    """
    slots, nodes = parameters.slots, parameters.room_bytes.size
    places = (
        np.empty((slots, 2)),
        np.empty((slots, 3)),
        np.empty((slots, 2)),
        np.empty((nodes, 3)),
        np.empty(slots, np.int64),
        np.empty(slots, np.int64),
        np.empty(slots),
    )
    for row in range(batch.shape[0]):
        _step_row(
            parameters, tape, state, row, batch[row], bandwidth[row], offload[row], threshold[row], places, result
        )
