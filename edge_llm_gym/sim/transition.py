"""The transition of `admission: epoch`: an epoch of one row, compiled, looped over rows.

Steps follow section 3 of the system model: radio and memory (`admission`), computation, outcome and clock (`queue`). A
batch takes T(S) = sum of work_s + max of shared_s. Decision time of epoch e is (e + 1) epoch_s, so that the first one
already sees the requests which came in before it.
"""

import numpy as np
from numba import njit

from edge_llm_gym.sim.admission import KV, SHARED, WORK, admit, decision_time_s, need, shown
from edge_llm_gym.sim.metrics import COLUMN
from edge_llm_gym.sim.queue import FINISH, OFFERED, begin_queue, settle, turn_clock
from edge_llm_gym.sim.reward import weighted_sum
from edge_llm_gym.sim.state import Array, Parameters, Result, State, Tape

UTILISATION = COLUMN["utilisation"]


@njit(cache=True)
def _claim(tape, state, row, batch, claim):  # type: ignore[no-untyped-def]
    """Fills claim [n, 3] with what the shown requests take on the nodes that they are asked onto; as `need` does."""
    for slot in range(claim.shape[0]):
        request, node = state.queue[row, slot], max(batch[slot] - 1, 0)
        claim[slot, WORK] = tape.work_s[row, request, node]
        claim[slot, SHARED] = tape.shared_s[row, request, node]
        claim[slot, KV] = tape.kv_bytes[row, request, node]


@njit(cache=True)
def run_batch(state, row, node, ready_s, load):  # type: ignore[no-untyped-def]
    """Runs a batch of a load [3] after the node's earlier ones, not before `ready_s`; returns its start and end."""
    epoch = state.epoch[row]
    start_s = max(ready_s, state.node_free_s[row, node])
    end_s = start_s + load[WORK] + load[SHARED]
    state.batch_end_s[row, node, epoch] = end_s
    state.batch_kv_bytes[row, node, epoch] = load[KV]
    state.node_free_s[row, node] = end_s
    return start_s, end_s


@njit(cache=True)
def _compute(parameters, state, row, result, load):  # type: ignore[no-untyped-def]
    """Runs each node's new batch, and measures how busy the epoch was: a node that is not free computes."""
    nodes = load.shape[0]
    now_s = decision_time_s(parameters, state.epoch[row])
    until_s = now_s + parameters.epoch_s
    busy_s = 0.0
    for node in range(nodes):
        busy_s += min(max(state.node_free_s[row, node] - now_s, 0.0), parameters.epoch_s)
        if load[node, KV] > 0.0:
            start_s, end_s = run_batch(state, row, node, now_s + parameters.uplink_slot_s, load[node])
            busy_s += max(min(end_s, until_s) - min(start_s, until_s), 0.0)
    result.metrics[row, UTILISATION] = busy_s / (parameters.epoch_s * nodes)


@njit(cache=True)
def _answer(parameters, state, row, batch, answer):  # type: ignore[no-untyped-def]
    """Fills answer [n, 2] with the end of the batches and the quality factor of their nodes."""
    for slot in range(answer.shape[0]):
        node = max(batch[slot] - 1, 0)
        answer[slot, FINISH] = state.node_free_s[row, node]
        answer[slot, OFFERED] = parameters.quality[node]


@njit(cache=True)
def begin_row(parameters: Parameters, tape: Tape, state: State, row: int) -> None:
    """Sets a row to the first decision time of its freshly drawn tape."""
    begin_queue(parameters, tape, state, row)


@njit(cache=True)
def step_row(parameters, tape, state, row, batch, bandwidth, needed, claim, load, answer, result):  # type: ignore[no-untyped-def]
    """One epoch of one row. batch [N] int64 in 0..K, bandwidth [N, 2] float64 >= 0; both already checked.

    What lies between are the places where the slots' needs, claims and answers go, and the nodes' loads.
    """
    slots = shown(parameters, state, row)
    needed, claim, answer = needed[:slots], claim[:slots], answer[:slots]
    load[:] = 0.0
    need(parameters, tape, state, row, batch, needed)
    _claim(tape, state, row, batch, claim)
    admit(parameters, state, row, batch, bandwidth, needed, claim, result, load)
    _compute(parameters, state, row, result, load)
    _answer(parameters, state, row, batch, answer)
    settle(parameters, tape, state, row, batch, answer, result)
    state.epoch[row] += 1
    turn_clock(parameters, tape, state, row, result.metrics[row])
    result.reward[row] = weighted_sum(result.metrics[row], parameters.reward_column, parameters.reward_weight)


@njit(cache=True)
def step_rows(parameters: Parameters, tape: Tape, state: State, batch: Array, bandwidth: Array, result: Result) -> None:
    """One epoch of every row: batch [R, N] int64, bandwidth [R, N, 2] float64."""
    slots, nodes = parameters.slots, parameters.room_bytes.size
    needed, claim, answer = np.empty((slots, 2)), np.empty((slots, 3)), np.empty((slots, 2))
    load = np.empty((nodes, 3))
    for row in range(batch.shape[0]):
        step_row(parameters, tape, state, row, batch[row], bandwidth[row], needed, claim, load, answer, result)
