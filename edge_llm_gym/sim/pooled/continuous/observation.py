"""Observation of continuous batching: what the sequences on every node will still take, and how much time they have.

A sequence that has computed g of its n tokens, as predicted, has n - g decode steps left. Their work is w' = (n - g) c1
+ c2 (tokens attended to), and with the prefill if that has not ended; v' = (n - g) c0. A node that nothing joins is
busy from its last boundary on for sum of w' + max of v' seconds, and each of its sequences leaves within sum of w' +
its own v'.
"""

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel, row_kernel
from edge_llm_gym.held import Held, held_kernel
from edge_llm_gym.sim.outcomes import TIME_TOLERANCE_S
from edge_llm_gym.sim.pooled.clock import decision_time_s
from edge_llm_gym.sim.pooled.continuous.iterations import computed_prompt
from edge_llm_gym.sim.pooled.continuous.records import (
    ContinuousState,
    IterationConstants,
    NodeState,
)
from edge_llm_gym.sim.pooled.continuous.transition import sequence_count, unreserved_bytes
from edge_llm_gym.sim.pooled.observation import (
    BUSY_CAP,
    COUNT_CAP,
    SEQUENCE_FEATURES,
    PooledObserver,
    RequestQueueObservation,
    Scales,
    observe_queue_row,
    write_node,
)
from edge_llm_gym.sim.pooled.prefetching import prefetch_observation
from edge_llm_gym.sim.pooled.records import PooledParameters, PooledTape
from edge_llm_gym.sim.records import RequestTape
from edge_llm_gym.sim.request_costs import PREFILL_FLOPS
from edge_llm_gym.sim.row_workers import Piece

REMAINING_WORK, SLACK, SEQUENCES = range(-len(SEQUENCE_FEATURES), 0)


@kernel
def _sequence(nodes: NodeState, row: int, node: int, index: int) -> int:
    """The request of a sequence on a node, running ones first."""
    running = nodes.running[row, node]
    if index < running:
        return nodes.request[row, node, index]
    return nodes.joined[row, node, nodes.prefilled[row, node] + index - running]


@kernel
def _steps(
    requests: RequestTape, nodes: NodeState, last_iteration: Array, row: int, node: int, request: int
) -> tuple[int, int]:
    """Decode steps that a sequence has done, and has left as predicted; done is -1 before its prefill.

    A running sequence has at least one step left, however many it has done. last_iteration [R, C].
    """
    predicted = requests.predicted_tokens[row, request] - 1
    if last_iteration[row, request] < 0:
        return -1, predicted
    left = last_iteration[row, request] - nodes.iteration[row, node]
    done = requests.output_tokens[row, request] - 1 - left
    return done, max(predicted - done, 1)


@kernel
def _work_s(constants: IterationConstants, prefill_flops: float, prompt: int, node: int, done: int, left: int) -> float:
    """Work in s that a sequence has left, with the prefill if none of its steps is `done`, not even the prefill."""
    held_tokens = prompt + 1 + max(done, 0)
    context = left * held_tokens + 0.5 * left * (left - 1)
    work_s = constants.sequence_s[node] * left + constants.context_s[node] * context
    if done < 0:
        work_s += constants.prefill_s[node] + constants.prefill_flop_s[node] * prefill_flops
    return work_s


@kernel
def _remaining_s(
    constants: IterationConstants,
    requests: RequestTape,
    cost_drivers: Array,
    nodes: NodeState,
    last_iteration: Array,
    row: int,
    node: int,
) -> tuple[float, float]:
    """Work in s that all sequences of a node have left, and the longest shared time in s of any of them."""
    work_s, shared_s = 0.0, 0.0
    for index in range(sequence_count(nodes, row, node)):
        request = _sequence(nodes, row, node, index)
        done, left = _steps(requests, nodes, last_iteration, row, node, request)
        prompt = computed_prompt(constants.padded_prompt, requests.prompt_tokens, row, request)
        work_s += _work_s(constants, cost_drivers[row, request, PREFILL_FLOPS], prompt, node, done, left)
        shared_s = max(shared_s, left * constants.step_s[node])
    return work_s, shared_s


@kernel
def _slack_s(
    constants: IterationConstants,
    requests: RequestTape,
    nodes: NodeState,
    last_iteration: Array,
    row: int,
    node: int,
    work_s: float,
    downlink_slot_s: float,
    longest_s: float,
) -> float:
    """Work in s that the node could do besides without making any of its sequences late, at most `longest_s`.

    A sequence leaves within `work_s`, that of all sequences, and its own shared time. One that may be late without any
    further work limits nothing.
    """
    slack_s, begin_s = longest_s, nodes.boundary_s[row, node] + work_s + downlink_slot_s
    for index in range(sequence_count(nodes, row, node)):
        request = _sequence(nodes, row, node, index)
        _, left = _steps(requests, nodes, last_iteration, row, node, request)
        left_s = requests.deadline_s[row, request] - begin_s - left * constants.step_s[node]
        if left_s >= -TIME_TOLERANCE_S:
            slack_s = min(slack_s, max(left_s, 0.0))
    return slack_s


@kernel
def _observe_node(
    parameters: PooledParameters,
    constants: IterationConstants,
    requests: RequestTape,
    cost_drivers: Array,
    nodes: NodeState,
    last_iteration: Array,
    row: int,
    node: int,
    uplink_ends_s: float,
    scales: Scales,
    out: Array,
) -> None:
    """Fills out [F] with the features of a node."""
    epoch_s, capacity_bytes = parameters.epoch_s, parameters.kv_capacity_bytes
    work_s, shared_s = _remaining_s(constants, requests, cost_drivers, nodes, last_iteration, row, node)
    slack_s = _slack_s(
        constants,
        requests,
        nodes,
        last_iteration,
        row,
        node,
        work_s,
        parameters.radio.downlink_slot_s,
        scales.budget_s,
    )
    busy_s = max(nodes.boundary_s[row, node] + work_s + shared_s - uplink_ends_s, 0.0)
    free_bytes = unreserved_bytes(capacity_bytes, constants, nodes.reserved_tokens, row, node)
    write_node(busy_s / epoch_s, free_bytes / capacity_bytes[node], scales.node_constants[node], out)
    out[REMAINING_WORK] = min(work_s / epoch_s, BUSY_CAP)
    out[SLACK] = slack_s / scales.budget_s
    out[SEQUENCES] = min(sequence_count(nodes, row, node) / parameters.slots, COUNT_CAP)


@row_kernel
def observe_continuous_rows(
    parameters: PooledParameters,
    constants: IterationConstants,
    tape: PooledTape,
    state: ContinuousState,
    scales: Scales,
    out: RequestQueueObservation,
    first: int,
    last: int,
) -> None:
    """Fills `out` with the requests and nodes of the rows `first` to `last` - 1."""
    for row in range(first, last):
        prefetch_observation(tape, state.queue, parameters.slots, state.epoch, min(row + 1, last - 1))
        epoch = state.epoch[row]
        uplink_ends_s = decision_time_s(parameters.epoch_s, epoch) + parameters.radio.uplink_slot_s
        observe_queue_row(parameters, tape, state.queue, row, epoch, scales, out)
        for node in range(out.nodes.shape[1]):
            _observe_node(
                parameters,
                constants,
                tape.requests,
                tape.cost_drivers,
                state.nodes,
                state.sequences.last_iteration,
                row,
                node,
                uplink_ends_s,
                scales,
                out.nodes[row, node],
            )


@held_kernel
def observe_continuous_held(held: Held, scales: Scales, out: RequestQueueObservation, first: int, last: int) -> None:
    """`observe_continuous_rows` with held records."""
    parameters, constants, tape, state, _ = held.value
    observe_continuous_rows(parameters, constants, tape, state, scales, out, first, last)


class ContinuousObserver(PooledObserver):
    """Reads observations off a simulator with continuous batching."""

    more_node_features = len(SEQUENCE_FEATURES)

    def _write(self, out: RequestQueueObservation, piece: Piece) -> None:
        """Writes the queues and the nodes of the rows of a piece."""
        observe_continuous_held(self._simulator.held(piece.worker), self._scales, out, piece.first, piece.last)
