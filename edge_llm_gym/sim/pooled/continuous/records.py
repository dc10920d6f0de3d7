"""Records of continuous batching; those of all pooled dynamics stand in `sim.pooled.records`.

A *sequence* is an admitted request until its last token is computed. It waits for its prefill, which computes its first
token, and then runs.
"""

from typing import NamedTuple

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.columns import KV, SHARED, WORK
from edge_llm_gym.sim.pooled.records import (
    AdmissionLog,
    QueueState,
    RequestLog,
    Sizes,
    allocate_admissions,
    allocate_queue,
    allocate_request_log,
)
from edge_llm_gym.sim.request_costs import CONTEXT, DECODE_STEPS, KV_TOKENS, PREFILL_FLOPS, PREFILLS, RequestCosts


class IterationConstants(NamedTuple):
    """The law of one iteration: B running sequences that attend to C tokens take step + B sequence + C context."""

    step_s: Array  # [K] c0
    sequence_s: Array  # [K] c1
    context_s: Array  # [K] c2, per token
    prefill_s: Array  # [K] per request
    prefill_flop_s: Array  # [K] per FLOP of one layer
    token_bytes: Array  # [K] of the KV cache
    capacity_tokens: Array  # [K] KV caches that fit beside the weights
    padded_prompt: int  # tokens to which prompts are padded, 0 for no padding


class NodeState(NamedTuple):
    """The sequences of every node at its last boundary, the end of an iteration, of a prefill or of idle time."""

    boundary_s: Array  # [R, K] float64, at most the decision time
    iteration: Array  # [R, K] int64, iterations done
    held_tokens: Array  # [R, K] int64, KV caches of the running sequences, and tokens that an iteration attends to
    reserved_tokens: Array  # [R, K] int64, KV caches of the predicted lengths of all sequences
    running: Array  # [R, K] int64, number of running sequences
    request: Array  # [R, K, C] int32, running requests: the one that leaves next comes last
    joined: Array  # [R, K, C] int32, all requests that were admitted to the node, in order
    admitted: Array  # [R, K] int64, number of these
    prefilled: Array  # [R, K] int64, the first of them that waits for its prefill


class SequenceLog(NamedTuple):
    """The course of each request's sequence; stale for a request that was never admitted."""

    begin_s: Array  # [R, C] float64, begin of the prefill; before that, the end of the uplink slot
    first_token_s: Array  # [R, C] float64, end of the prefill
    last_iteration: Array  # [R, C] int64, iteration of the node that computes the last token; -1 before the prefill
    place: Array  # [R, C] int64, place in the order in which its node admitted requests
    answer_s: Array  # [R, C] float64, time that the answer takes on the radio


class ContinuousState(NamedTuple):
    """What changes from epoch to epoch."""

    epoch: Array  # [R] int64, epochs done
    queue: QueueState
    nodes: NodeState
    requests: RequestLog
    sequences: SequenceLog
    admissions: AdmissionLog
    predictions: None  # what is expected of sequences follows from their predicted lengths
    totals: Array  # [R, M] float64, metrics summed since the reset


def iteration_constants(scenario: Scenario, costs: RequestCosts) -> IterationConstants:
    """The constants of a scenario in which every node hosts the whole model."""
    coefficients = costs.cost_coefficients[costs.first_hosted]
    token_bytes = coefficients[:, KV_TOKENS, KV].copy()
    return IterationConstants(
        step_s=coefficients[:, DECODE_STEPS, SHARED].copy(),
        sequence_s=coefficients[:, DECODE_STEPS, WORK].copy(),
        context_s=coefficients[:, CONTEXT, WORK].copy(),
        prefill_s=coefficients[:, PREFILLS, WORK].copy(),
        prefill_flop_s=coefficients[:, PREFILL_FLOPS, WORK].copy(),
        token_bytes=token_bytes,
        capacity_tokens=np.array([node.kv_capacity_bytes for node in costs.nodes]) / token_bytes,
        padded_prompt=scenario.lengths.max_prompt_tokens if scenario.pad_prompts else 0,
    )


def allocate_continuous_state(rows: int, capacity: int, sizes: Sizes) -> ContinuousState:
    """A state before any reset."""
    return ContinuousState(
        epoch=np.zeros(rows, np.int64),
        queue=allocate_queue(rows, capacity),
        nodes=_allocate_nodes(rows, capacity, sizes.nodes),
        requests=allocate_request_log(rows, capacity, sizes.stages),
        sequences=_allocate_sequences(rows, capacity),
        admissions=allocate_admissions(rows, capacity, sizes.horizon),
        predictions=None,
        totals=np.zeros((rows, sizes.metrics)),
    )


def _allocate_nodes(rows: int, capacity: int, nodes: int) -> NodeState:
    """Empty nodes; the counts of a node share a cache line."""
    counts = np.zeros((rows, nodes, 6), np.int64)
    return NodeState(
        boundary_s=np.zeros((rows, nodes)),
        iteration=counts[..., 0],
        held_tokens=counts[..., 1],
        reserved_tokens=counts[..., 2],
        running=counts[..., 3],
        request=np.zeros((rows, nodes, capacity), np.int32),
        joined=np.zeros((rows, nodes, capacity), np.int32),
        admitted=counts[..., 4],
        prefilled=counts[..., 5],
    )


def _allocate_sequences(rows: int, capacity: int) -> SequenceLog:
    """An empty log; the numbers of a sequence share a cache line."""
    block = np.zeros((rows, capacity, 5))
    counts = block[..., 2:4].view(np.int64)
    return SequenceLog(block[..., 0], block[..., 1], counts[..., 0], counts[..., 1], block[..., 4])
