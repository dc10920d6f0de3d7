"""One node's sequences in time: from one change of the running set to the next.

A node performs one operation after another. At a boundary, the end of an operation, it prefills the sequence that has
waited longest, if its uplink slot has ended by then; else all running sequences advance by one token. Decoding
therefore stalls during prefills. Memory holds s + g tokens of a sequence with s prompt tokens and g tokens so far. If
the next operation would exceed the memory, the sequence that was admitted last is evicted; a prefill that would exceed
it evicts the sequence to be prefilled, since it was admitted last of all that hold memory.

An operation that ends after the epoch begins anew from its boundary in the next epoch, with the same result.
"""

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel
from edge_llm_gym.scenario.metrics import CONTINUOUS_COLUMN
from edge_llm_gym.sim.pooled.continuous.iterations import (
    completed_iterations,
    computed_prompt,
    first_iteration_s,
    iterations_until,
    run_s,
)
from edge_llm_gym.sim.pooled.continuous.leaving import evict, finish
from edge_llm_gym.sim.pooled.continuous.records import IterationConstants, NodeState, SequenceLog
from edge_llm_gym.sim.pooled.records import RequestLog
from edge_llm_gym.sim.records import RequestTape
from edge_llm_gym.sim.request_costs import PREFILL_FLOPS

FIRST_TOKENS, TTFT = CONTINUOUS_COLUMN["first_tokens"], CONTINUOUS_COLUMN["ttft_s"]
MEMORY_TOLERANCE = 1e-9
"""Relative: reservations that fill the memory exactly must never evict."""
MOST_ITERATIONS = 1e15
"""More than any sequence has tokens, and far below the largest int64."""


@kernel
def fitting_iterations(capacity_tokens: float, held_tokens: int, running: int) -> int:
    """Iterations of `running` sequences until their KV caches exceed the memory."""
    return int(min(max(capacity_tokens * (1.0 + MEMORY_TOLERANCE) - held_tokens, 0.0) / running, MOST_ITERATIONS))


@kernel
def _start_running(nodes: NodeState, last_iteration: Array, row: int, node: int, request: int) -> None:
    """Inserts a request among the running ones, which are sorted by falling last iteration [R, C]."""
    running, last = nodes.request[row, node], last_iteration[row]
    index = nodes.running[row, node]
    while index > 0 and last[running[index - 1]] < last[request]:
        running[index] = running[index - 1]
        index -= 1
    running[index] = request
    nodes.running[row, node] += 1


@kernel
def _take_latest(nodes: NodeState, place: Array, row: int, node: int) -> int:
    """Removes the running sequence that was admitted last from the running ones, and returns its request.

    place [R, C] is the order of admission.
    """
    latest, running = 0, nodes.request[row, node]
    for index in range(1, nodes.running[row, node]):
        if place[row, running[index]] > place[row, running[latest]]:
            latest = index
    request = running[latest]
    nodes.running[row, node] -= 1
    for later in range(latest, nodes.running[row, node]):
        running[later] = running[later + 1]
    return request


@kernel
def _prefill(
    requests: RequestTape,
    prompt: int,
    duration_s: float,
    nodes: NodeState,
    sequences: SequenceLog,
    row: int,
    node: int,
    request: int,
    metrics: Array,
) -> None:
    """Computes the first token of a request, which runs from then on."""
    begin_s = nodes.boundary_s[row, node]
    nodes.prefilled[row, node] += 1
    nodes.boundary_s[row, node] += duration_s
    nodes.held_tokens[row, node] += prompt + 1
    sequences.begin_s[row, request] = begin_s
    sequences.first_token_s[row, request] = nodes.boundary_s[row, node]
    steps = requests.output_tokens[row, request] - 1
    sequences.last_iteration[row, request] = nodes.iteration[row, node] + steps
    _start_running(nodes, sequences.last_iteration, row, node, request)
    metrics[FIRST_TOKENS] += 1
    metrics[TTFT] += nodes.boundary_s[row, node] - requests.arrival_s[row, request]


@kernel
def _iterate(
    constants: IterationConstants,
    nodes: NodeState,
    last_iteration: Array,
    row: int,
    node: int,
    fitting: int,
    ready_s: float,
    until_s: float,
) -> bool:
    """Iterates up to the next change of the running set; False if that lies after `until_s`.

    It changes when a sequence leaves, after the `fitting` iterations for which the memory suffices, and at the first
    boundary from `ready_s` on. last_iteration [R, C].
    """
    begin_s, running = nodes.boundary_s[row, node], nodes.running[row, node]
    first_s = first_iteration_s(constants, node, running, nodes.held_tokens[row, node])
    growth_s = constants.context_s[node] * running
    next_to_leave = nodes.request[row, node, running - 1]
    wanted = min(last_iteration[row, next_to_leave] - nodes.iteration[row, node], fitting)
    if ready_s < np.inf:
        wanted = iterations_until(first_s, growth_s, ready_s - begin_s, wanted)
    done = completed_iterations(first_s, growth_s, until_s - begin_s, wanted)
    nodes.boundary_s[row, node] += run_s(first_s, growth_s, done)
    nodes.iteration[row, node] += done
    nodes.held_tokens[row, node] += done * running
    return done == wanted


@kernel
def _leave(
    padded_prompt: int,
    requests: RequestTape,
    log: RequestLog,
    nodes: NodeState,
    sequences: SequenceLog,
    row: int,
    node: int,
    quality: float,
    metrics: Array,
) -> None:
    """Sequences leave that have all their tokens."""
    running, iteration = nodes.running[row, node], nodes.iteration[row, node]
    while running > 0 and sequences.last_iteration[row, nodes.request[row, node, running - 1]] == iteration:
        running -= 1
        request = nodes.request[row, node, running]
        prompt = computed_prompt(padded_prompt, requests.prompt_tokens, row, request)
        nodes.held_tokens[row, node] -= prompt + requests.output_tokens[row, request]
        finish(padded_prompt, requests, log, nodes, sequences, row, node, request, quality, metrics)
    nodes.running[row, node] = running


@kernel
def _evict(
    padded_prompt: int,
    requests: RequestTape,
    log: RequestLog,
    nodes: NodeState,
    sequences: SequenceLog,
    row: int,
    node: int,
    waiting: int,
    metrics: Array,
) -> None:
    """Evicts the request `waiting` that is to be prefilled, or, if it is -1, the running one that was admitted last."""
    request = waiting
    if waiting >= 0:
        nodes.prefilled[row, node] += 1
    else:
        request = _take_latest(nodes, sequences.place, row, node)
        prompt = computed_prompt(padded_prompt, requests.prompt_tokens, row, request)
        steps_left = sequences.last_iteration[row, request] - nodes.iteration[row, node]
        nodes.held_tokens[row, node] -= prompt + requests.output_tokens[row, request] - steps_left
    evict(padded_prompt, requests, log, nodes, row, node, request, metrics)


@kernel
def advance_node(
    constants: IterationConstants,
    requests: RequestTape,
    cost_drivers: Array,
    log: RequestLog,
    nodes: NodeState,
    sequences: SequenceLog,
    row: int,
    node: int,
    until_s: float,
    quality: float,
    metrics: Array,
) -> float:
    """Performs all operations of a node that end by `until_s`. Returns the seconds in which it is idle.

    cost_drivers [R, C, Q]; `quality` is that of the node's answers.
    """
    idle_s, going, padded = 0.0, True, constants.padded_prompt
    while going:
        begin_s, waiting, running = nodes.boundary_s[row, node], -1, nodes.running[row, node]
        ready_s = np.inf
        if nodes.prefilled[row, node] < nodes.admitted[row, node]:
            waiting = nodes.joined[row, node, nodes.prefilled[row, node]]
            ready_s = sequences.begin_s[row, waiting]
        if ready_s > begin_s and running == 0:
            nodes.boundary_s[row, node] = min(ready_s, until_s)
            idle_s += nodes.boundary_s[row, node] - begin_s
            going = ready_s < until_s
            continue
        prompt, held_tokens, prefills = 0, nodes.held_tokens[row, node], ready_s <= begin_s
        if prefills:
            prompt = computed_prompt(padded, requests.prompt_tokens, row, waiting)
            running = 1
        fitting = fitting_iterations(constants.capacity_tokens[node], held_tokens + prompt, running)
        if fitting == 0:
            evicted = waiting if prefills else -1
            _evict(padded, requests, log, nodes, sequences, row, node, evicted, metrics)
            continue
        if prefills:
            duration_s = constants.prefill_s[node]
            duration_s += constants.prefill_flop_s[node] * cost_drivers[row, waiting, PREFILL_FLOPS]
            going = begin_s + duration_s <= until_s
            if going:
                _prefill(requests, prompt, duration_s, nodes, sequences, row, node, waiting, metrics)
        else:
            going = _iterate(constants, nodes, sequences.last_iteration, row, node, fitting, ready_s, until_s)
        _leave(padded, requests, log, nodes, sequences, row, node, quality, metrics)
    return idle_s
