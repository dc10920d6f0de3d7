"""The transition of `admission: staged`: an epoch of one row, compiled, looped over rows.

Pooled requests join the batches of entry nodes as in batching dynamics. A request leaves at the first hosted exit whose
confidence reaches the node's threshold. Those that have not left when their node's blocks end go on over a wired link,
which the node's offload row and the request's own uniform number choose. A deeper node batches what reaches it this
epoch once the last of it has arrived, in the order of the slots, and starts another batch where its memory is full. So
all that happens to a request is settled in the epoch that admits it (section 3 of the system model).
"""

import numpy as np

from edge_llm_gym.compiled import kernel
from edge_llm_gym.scenario.metrics import COLUMN, METRICS, ROUTING_COLUMN
from edge_llm_gym.sim.columns import END_S, KV, QUALITY
from edge_llm_gym.sim.cost_kernels import add_cost, write_cost
from edge_llm_gym.sim.exits import expected_accuracy, last_block_of
from edge_llm_gym.sim.links import sample_next_node, wire_s
from edge_llm_gym.sim.outcomes import SERVED
from edge_llm_gym.sim.pooled.admission import admit, decision_time_s, need, shown
from edge_llm_gym.sim.pooled.queue import advance_clock, finalize_outcomes, reset_queue
from edge_llm_gym.sim.pooled.transition import run_batch
from edge_llm_gym.sim.reward import add_up, weighted_sum
from edge_llm_gym.sim.streaming.server import overlap_s

UTILISATION = COLUMN["utilisation"]
FORWARDED, CORRECT = ROUTING_COLUMN["forwarded"], ROUTING_COLUMN["correct"]
FIRST_EXIT = len(ROUTING_COLUMN)
assert tuple(ROUTING_COLUMN)[: len(METRICS)] == METRICS, "the kernels of batching dynamics write these columns"


@kernel
def _claim(parameters, tape, row, request, node, threshold, claim, slot):  # type: ignore[no-untyped-def]
    """Notes what a request takes on a node; returns the block after which it leaves there, or -1.

    Time is spent through that block; memory is held for all blocks, since nobody knows beforehand.
    """
    first, last = parameters.first_block[node], parameters.last_block[node]
    block, leaves = last_block_of(tape.confidence[row], request, first, last, threshold)
    place = parameters.first_hosted[node] + block - first
    write_cost(parameters.cost_coefficients, place, tape.demand[row], request, claim, slot)
    return block if leaves else -1


@kernel
def _enter(parameters, tape, state, row, batch, threshold, workspace):  # type: ignore[no-untyped-def]
    """Claims of those who are asked onto the entry nodes, and where they leave them."""
    for slot in range(shown(parameters, state, row)):
        node = batch[slot] - 1
        if node >= 0:
            request = state.queue[row, slot]
            workspace.exit_block[slot] = _claim(
                parameters, tape, row, request, node, threshold[node], workspace.claim, slot
            )


@kernel
def _seat(batch, slots, slot_outcome, workspace):  # type: ignore[no-untyped-def]
    """Notes who was let in, and where. Returns how many they are."""
    seated = 0
    for slot in range(slots):
        if slot_outcome[slot] == SERVED:
            workspace.seat[seated], workspace.at[slot] = slot, batch[slot] - 1
            seated += 1
    return seated


@kernel
def _close(state, row, node, ready_s, first, end, workspace):  # type: ignore[no-untyped-def]
    """Runs the batch of a node's requests in the seats first..end - 1, and empties its load."""
    epoch = state.epoch[row]
    held = state.batch_kv_bytes[row, node, epoch]
    start_s, end_s = run_batch(state, row, node, ready_s, workspace.load[node])
    state.batch_kv_bytes[row, node, epoch] = max(state.batch_kv_bytes[row, node, epoch], held)
    state.batch_begin_s[row, node, epoch] = min(state.batch_begin_s[row, node, epoch], start_s)
    workspace.load[node] = 0.0
    for slot in workspace.seat[first:end]:
        if workspace.at[slot] == node:
            workspace.answer[slot, END_S] = end_s


@kernel
def _run_entry(parameters, state, row, seated, workspace):  # type: ignore[no-untyped-def]
    """Runs the batches that were admitted."""
    ready_s = decision_time_s(parameters, state.epoch[row]) + parameters.uplink_slot_s
    for node in range(parameters.stations):
        if workspace.load[node, KV] > 0.0:
            _close(state, row, node, ready_s, 0, seated, workspace)


@kernel
def _run_deep(state, row, node, room_bytes, seated, workspace):  # type: ignore[no-untyped-def]
    """Runs on a deep node what reached it this epoch, in as few batches as its memory allows."""
    first, ready_s = 0, -np.inf
    for slot in workspace.seat[:seated]:
        if workspace.at[slot] == node:
            ready_s = max(ready_s, workspace.reach_s[slot])
    for place in range(seated):
        slot = workspace.seat[place]
        if workspace.at[slot] != node:
            continue
        if workspace.load[node, KV] > 0.0 and workspace.load[node, KV] + workspace.claim[slot, KV] > room_bytes:
            _close(state, row, node, ready_s, first, place, workspace)
            first = place
        add_cost(workspace.load, node, workspace.claim, slot)
    if workspace.load[node, KV] > 0.0:
        _close(state, row, node, ready_s, first, seated, workspace)


@kernel
def _forward(parameters, tape, state, row, stage, offload, threshold, seated, workspace):  # type: ignore[no-untyped-def]
    """Sends on those of a stage that have not left; notes who gets where and when. Returns how many they are."""
    sent = 0
    for slot in workspace.seat[:seated]:
        node = workspace.at[slot]
        if parameters.stage[node] != stage or workspace.exit_block[slot] >= 0:
            continue
        request = state.queue[row, slot]
        uniform, bits = tape.route[row, request, stage + 1], tape.forward_bits[row, request]
        to = sample_next_node(parameters.link_first, parameters.link_target, node, offload, node, uniform)
        wired_s = wire_s(bits, parameters.rate_bps[node, to], parameters.latency_s[node, to])
        workspace.at[slot], workspace.reach_s[slot] = to, workspace.answer[slot, END_S] + wired_s
        workspace.exit_block[slot] = _claim(parameters, tape, row, request, to, threshold[to], workspace.claim, slot)
        sent += 1
    return sent


@kernel
def _note_visits(state, row, stage_of, stage, seated, workspace):  # type: ignore[no-untyped-def]
    """Writes down where the admitted are at a stage, and when they are done there."""
    for slot in workspace.seat[:seated]:
        node = workspace.at[slot]
        if stage_of[node] == stage:
            request = state.queue[row, slot]
            state.visited[row, request, stage] = node + 1
            state.finish_s[row, request, stage] = workspace.answer[slot, END_S]


@kernel
def _way_quality(parameters, visited, stage):  # type: ignore[no-untyped-def]
    """The lowest quality factor among the nodes visited [S] until a stage."""
    factor = np.inf
    for passed in range(stage + 1):
        factor = min(factor, parameters.quality[visited[passed] - 1])
    return factor


@kernel
def _note_exits(parameters, tape, state, row, threshold, seated, workspace, result):  # type: ignore[no-untyped-def]
    """Quality of the answers, exits and right answers."""
    count, metrics = state.admitted_until[row, state.epoch[row]], result.metrics[row]
    for slot in workspace.seat[:seated]:
        node, block, request = workspace.at[slot], workspace.exit_block[slot], state.queue[row, slot]
        factor = _way_quality(parameters, state.visited[row, request], parameters.stage[node])
        accuracy = expected_accuracy(parameters.sorted_confidence, parameters.tail_accuracy, block, threshold[node])
        workspace.answer[slot, QUALITY] = min(factor * accuracy, 1.0)
        state.exit_block[row, request] = result.slot_exit[row, slot] = block + 1
        state.admitted[row, count] = request
        count += 1
        metrics[FIRST_EXIT + block] += 1
        metrics[CORRECT] += factor * tape.correct[row, request, block]
    state.admitted_until[row, state.epoch[row] + 1] = count


@kernel
def _busy_share(parameters, state, row):  # type: ignore[no-untyped-def]
    """Share of the epoch that nodes compute, their mean. A deep node may wait for an epoch's batch to arrive."""
    epoch, busy_s = state.epoch[row], 0.0
    now_s = decision_time_s(parameters, epoch)
    until_s = now_s + parameters.epoch_s
    for node in range(state.node_free_s.shape[1]):
        for begun in range(state.oldest_batch[row, node], epoch + 1):
            begin_s, end_s = state.batch_begin_s[row, node, begun], state.batch_end_s[row, node, begun]
            busy_s += overlap_s(begin_s, end_s, now_s, until_s)
    return busy_s / (parameters.epoch_s * state.node_free_s.shape[1])


@kernel
def reset_row(parameters, tape, state, row):  # type: ignore[no-untyped-def]
    """Sets a row to the first decision time of its freshly drawn tape."""
    state.threshold_last[row] = 0.0
    state.batch_begin_s[row] = np.inf
    state.exit_block[row] = 0
    state.visited[row] = 0
    state.finish_s[row] = 0.0
    state.admitted[row] = 0
    state.admitted_until[row] = 0
    reset_queue(parameters, tape, state, row)


@kernel
def _pass_stages(parameters, tape, state, row, offload, threshold, seated, workspace):  # type: ignore[no-untyped-def]
    """Takes the admitted through all stages. Returns how many were sent on, one for each link."""
    forwarded = 0
    _run_entry(parameters, state, row, seated, workspace)
    _note_visits(state, row, parameters.stage, 0, seated, workspace)
    for stage in range(parameters.stages - 1):
        sent = _forward(parameters, tape, state, row, stage, offload, threshold, seated, workspace)
        forwarded += sent
        if sent == 0:
            break
        for node in range(parameters.stage.size):
            if parameters.stage[node] == stage + 1:
                _run_deep(state, row, node, parameters.room_bytes[node], seated, workspace)
        _note_visits(state, row, parameters.stage, stage + 1, seated, workspace)
    return forwarded


@kernel
def _step_row(parameters, tape, state, row, batch, bandwidth, offload, threshold, workspace, result):  # type: ignore[no-untyped-def]
    """One epoch of one row; the arrays were checked before."""
    metrics = result.metrics[row]
    for node in range(threshold.size):
        state.threshold_last[row, node] = threshold[node]
    need(parameters, tape, state, row, batch, workspace)
    _enter(parameters, tape, state, row, batch, threshold, workspace)
    admit(parameters, state, row, batch, bandwidth, workspace, result)
    seated = _seat(batch, shown(parameters, state, row), result.slot_outcome[row], workspace)
    metrics[FORWARDED] = _pass_stages(parameters, tape, state, row, offload, threshold, seated, workspace)
    metrics[UTILISATION] = _busy_share(parameters, state, row)
    _note_exits(parameters, tape, state, row, threshold, seated, workspace, result)
    finalize_outcomes(parameters, tape, state, row, batch, workspace.answer, result)
    state.epoch[row] += 1
    advance_clock(parameters, tape, state, row, metrics)
    add_up(metrics, state.totals[row])
    result.reward[row] = weighted_sum(metrics, parameters.reward_column, parameters.reward_weight)


@kernel
def step_rows(parameters, tape, state, batch, bandwidth, offload, threshold, workspace, result):  # type: ignore[no-untyped-def]
    """One epoch of every row; the workspace serves them in turn.

    batch [R, N] int64 in 0..K1, bandwidth [R, N, 2] float64, offload [R, K, K] and threshold [R, K] float32.
    """
    for row in range(batch.shape[0]):
        _step_row(
            parameters, tape, state, row, batch[row], bandwidth[row], offload[row], threshold[row], workspace, result
        )
