"""Batches on nodes: a batch takes T(S) = sum of WORK + max of SHARED (section 2 of the system model)."""

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel
from edge_llm_gym.sim.columns import END_S, KV, SHARED, WORK
from edge_llm_gym.sim.cost_kernels import add_cost
from edge_llm_gym.sim.intervals import overlap_s
from edge_llm_gym.sim.pooled.forecast import expect_batch, expect_deep_ready, expect_ready
from edge_llm_gym.sim.pooled.records import BatchLog, PredictionLog, Workspace


@kernel
def _run_batch(
    log: BatchLog,
    predictions: PredictionLog | None,
    node_free_s: Array,
    row: int,
    node: int,
    epoch: int,
    ready_s: float,
    slots: Array,
    workspace: Workspace,
) -> tuple[float, float]:
    """Runs the batch of the requests of `slots` on a node and empties the node's load; returns its start and end.

    It starts when the node's earlier batches have ended (node_free_s [K] of the row), not before `ready_s`.
    """
    load = workspace.load
    start_s = max(ready_s, node_free_s[node])
    end_s = start_s + load[node, WORK] + load[node, SHARED]
    log.begin_s[row, node, epoch] = min(log.begin_s[row, node, epoch], start_s)
    log.end_s[row, node, epoch] = end_s
    log.kv_bytes[row, node, epoch] += load[node, KV]
    node_free_s[node] = end_s
    load[node] = 0.0
    for slot in slots:
        if workspace.current_node[slot] == node:
            workspace.completion[slot, END_S] = end_s
    expect_batch(predictions, row, node, epoch, slots, workspace.current_node, workspace.forecast)
    return start_s, end_s


@kernel
def run_entry_batches(
    log: BatchLog,
    predictions: PredictionLog | None,
    node_free_s: Array,
    row: int,
    epoch: int,
    entry_nodes: int,
    now_s: float,
    epoch_s: float,
    uplink_slot_s: float,
    slots: Array,
    workspace: Workspace,
) -> None:
    """Runs the admitted batches of the entry nodes, not before the end of the uplink slot.

    Writes into the workspace the seconds in which each of these nodes computes during the epoch, which begins at
    `now_s`. A node that is not free then computes without a gap until it is.
    """
    ready_s, until_s = now_s + uplink_slot_s, now_s + epoch_s
    for node in range(entry_nodes):
        busy_s = min(max(node_free_s[node] - now_s, 0.0), epoch_s)
        if workspace.load[node, KV] > 0.0:
            expect_ready(predictions, row, node, epoch, ready_s)
            start_s, end_s = _run_batch(log, predictions, node_free_s, row, node, epoch, ready_s, slots, workspace)
            busy_s += max(min(end_s, until_s) - min(start_s, until_s), 0.0)
        workspace.busy_s[node] = busy_s


@kernel
def run_deep_batches(
    log: BatchLog,
    predictions: PredictionLog | None,
    node_free_s: Array,
    row: int,
    node: int,
    epoch: int,
    capacity_bytes: float,
    slots: Array,
    workspace: Workspace,
) -> None:
    """Runs on a deep node the admitted requests that reach it this epoch, in as few batches as its memory allows.

    The first batch starts once the last of these requests has arrived; requests join in the order of the slots.
    """
    first, ready_s = 0, -np.inf
    for slot in slots:
        if workspace.current_node[slot] == node:
            ready_s = max(ready_s, workspace.reach_s[slot])
    expect_deep_ready(predictions, row, node, epoch, slots, workspace.current_node, workspace.forecast)
    for index in range(slots.size):
        slot = slots[index]
        if workspace.current_node[slot] != node:
            continue
        held_bytes = workspace.load[node, KV]
        if held_bytes > 0.0 and held_bytes + workspace.cost[slot, KV] > capacity_bytes:
            _run_batch(log, predictions, node_free_s, row, node, epoch, ready_s, slots[first:index], workspace)
            first = index
        add_cost(workspace.load, node, workspace.cost, slot)
    if workspace.load[node, KV] > 0.0:
        _run_batch(log, predictions, node_free_s, row, node, epoch, ready_s, slots[first:], workspace)


@kernel
def write_logged_busy_s(log: BatchLog, row: int, epoch: int, now_s: float, until_s: float, busy_s: Array) -> None:
    """Writes the seconds busy_s [K] in which each node computes in the epoch from `now_s` to `until_s`, from the log.

    Unlike an entry node, a deep node may wait for the requests of its next batch.
    """
    for node in range(log.oldest.shape[1]):
        busy_s[node] = 0.0
        for begun in range(log.oldest[row, node], epoch + 1):
            busy_s[node] += overlap_s(log.begin_s[row, node, begun], log.end_s[row, node, begun], now_s, until_s)
