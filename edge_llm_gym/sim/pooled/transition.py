"""The transition of `admission: epoch`: an epoch of one row, compiled, looped over rows.

Steps follow section 3 of the system model: radio and memory (`admission`), computation, outcome and clock (`queue`). A
batch takes T(S) = sum of work_s + max of shared_s. Decision time of epoch e is (e + 1) epoch_s, so that the first one
already sees the requests which came in before it.
"""

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel
from edge_llm_gym.scenario.metrics import COLUMN
from edge_llm_gym.sim.columns import END_S, KV, QUALITY, SHARED, WORK
from edge_llm_gym.sim.cost_kernels import write_cost
from edge_llm_gym.sim.pooled.admission import admit, decision_time_s, need, shown
from edge_llm_gym.sim.pooled.queue import advance_clock, finalize_outcomes, reset_queue
from edge_llm_gym.sim.pooled.records import Parameters, Result, State, Tape, Workspace
from edge_llm_gym.sim.reward import add_up, weighted_sum

UTILISATION = COLUMN["utilisation"]


@kernel
def _claim(parameters: Parameters, tape: Tape, state: State, row: int, batch: Array, workspace: Workspace) -> None:
    """Notes what the shown requests take on the nodes that they are asked onto; a pass without branches, as `need`."""
    for slot in range(shown(parameters, state, row)):
        request, node = state.queue[row, slot], max(batch[slot] - 1, 0)
        write_cost(
            parameters.cost_coefficients,
            parameters.first_hosted[node],
            tape.demand[row],
            request,
            workspace.claim,
            slot,
        )


@kernel
def run_batch(state: State, row: int, node: int, ready_s: float, load: Array) -> tuple[float, float]:
    """Runs a batch of a load [3] after the node's earlier ones, not before `ready_s`; returns its start and end."""
    epoch = state.epoch[row]
    start_s = max(ready_s, state.node_free_s[row, node])
    end_s = start_s + load[WORK] + load[SHARED]
    state.batch_end_s[row, node, epoch] = end_s
    state.batch_kv_bytes[row, node, epoch] = load[KV]
    state.node_free_s[row, node] = end_s
    return start_s, end_s


@kernel
def _compute(parameters: Parameters, state: State, row: int, load: Array) -> float:
    """Runs each node's new batch. Returns how busy the epoch was: a node that is not free computes."""
    nodes = load.shape[0]
    now_s = decision_time_s(parameters, state.epoch[row])
    until_s = now_s + parameters.epoch_s
    busy_s = 0.0
    for node in range(nodes):
        busy_s += min(max(state.node_free_s[row, node] - now_s, 0.0), parameters.epoch_s)
        if load[node, KV] > 0.0:
            start_s, end_s = run_batch(state, row, node, now_s + parameters.uplink_slot_s, load[node])
            busy_s += max(min(end_s, until_s) - min(start_s, until_s), 0.0)
    return busy_s / (parameters.epoch_s * nodes)


@kernel
def _answer(parameters: Parameters, state: State, row: int, batch: Array, answer: Array) -> None:
    """Notes the end of the batches and the quality factor of their nodes."""
    for slot in range(shown(parameters, state, row)):
        node = max(batch[slot] - 1, 0)
        answer[slot, END_S] = state.node_free_s[row, node]
        answer[slot, QUALITY] = parameters.quality[node]


@kernel
def reset_row(parameters: Parameters, tape: Tape, state: State, row: int) -> None:
    """Sets a row to the first decision time of its freshly drawn tape."""
    reset_queue(parameters, tape, state, row)


@kernel
def step_row(
    parameters: Parameters,
    tape: Tape,
    state: State,
    row: int,
    batch: Array,
    bandwidth: Array,
    workspace: Workspace,
    result: Result,
) -> None:
    """One epoch of one row. batch [N] int64 in 0..K, bandwidth [N, 2] float64 >= 0; both already checked."""
    metrics = result.metrics[row]
    need(parameters, tape, state, row, batch, workspace)
    _claim(parameters, tape, state, row, batch, workspace)
    admit(parameters, state, row, batch, bandwidth, workspace, result)
    metrics[UTILISATION] = _compute(parameters, state, row, workspace.load)
    _answer(parameters, state, row, batch, workspace.answer)
    finalize_outcomes(parameters, tape, state, row, batch, workspace.answer, result)
    state.epoch[row] += 1
    advance_clock(parameters, tape, state, row, metrics)
    add_up(metrics, state.totals[row])
    result.reward[row] = weighted_sum(metrics, parameters.reward_column, parameters.reward_weight)


@kernel
def step_rows(
    parameters: Parameters,
    tape: Tape,
    state: State,
    batch: Array,
    bandwidth: Array,
    workspace: Workspace,
    result: Result,
) -> None:
    """One epoch of every row: batch [R, N] int64, bandwidth [R, N, 2] float64; the workspace serves them in turn."""
    for row in range(batch.shape[0]):
        step_row(parameters, tape, state, row, batch[row], bandwidth[row], workspace, result)
