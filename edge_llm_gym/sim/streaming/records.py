"""The records that the stream transition works on. Every field's shape, dtype and unit stands here, once.

R rows (environments), K nodes, K1 of them in the first stage, S stages, D devices, E blocks of the model and as many
exits, P hosted blocks (pairs of a node and a block that it hosts, node by node), L wired links, H epochs of an episode,
C requests that a tape can hold, M metrics, T reward terms, Z rows of the exit profile.
"""

from typing import NamedTuple

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.sim.pooled.records import REQUEST_WIDTH, shared_fields, side_by_side


class StreamingTape(NamedTuple):
    """All randomness of an episode, drawn before its first step. Requests stand in order of arrival."""

    length: Array  # [R] int64, requests on the tape
    arrival_s: Array  # [R, C] float64
    deadline_s: Array  # [R, C] float64, arrival + latency budget
    device: Array  # [R, C] int32
    prompt_tokens: Array  # [R, C] int32
    output_tokens: Array  # [R, C] int32
    bits: Array  # [R, C, 2] float64, by radio, up and down
    forward_bits: Array  # [R, C] float64, by wire, from one node to the next
    accuracy: Array  # [R, C] float64, demanded quality in [0, 1]
    value: Array  # [R, C] float64
    service_s: Array  # [R, C, P] float64, time alone on the node through the hosted block and its exit
    confidence: Array  # [R, C, E] float32, in [0, 1]
    correct: Array  # [R, C, E] bool, whether the answer at the exit would be right
    route: Array  # [R, C, S] float64, uniform in [0, 1): which way to take into each stage
    spectral_efficiency: Array  # [R, H + 1, D, K1, 2] float32, bit/s/Hz, up and down
    device_m: Array  # [R, D, 2] float64, positions
    clipped: Array  # [R, 2] int64, prompts and outputs that were cut to the scenario's limits


class StreamingState(NamedTuple):
    """What changes from epoch to epoch."""

    epoch: Array  # [R] int64, epochs done
    idle_s: Array  # [R, K, C + 1, 2] float64, start and end of the intervals that no request has claimed, in order ...
    idle_first: Array  # [R, K] int64, ... from this place on; the last one never ends (inf)
    next_arrival: Array  # [R] int64, first request on the tape that has not arrived
    first_of_epoch: Array  # [R, H + 1] int64, first request on the tape that an epoch's action decides on
    oldest_open: Array  # [R] int64, no earlier request waits for its answer
    arrived_last: Array  # [R, D] int64, arrivals of each device in the last epoch
    sent_last: Array  # [R, K] int64, requests that the last epoch's action sent to each node
    threshold_last: Array  # [R, K] float32, thresholds of the last epoch's action
    busy_last_s: Array  # [R, K] float64, time that each node computed in the last epoch
    open_visits: Array  # [R, K] int64, requests in the network that each node has yet to finish
    committed_s: Array  # [R, K] float64, time to come that they will take there
    outcome: Array  # [R, C] int8, an outcome code
    exit_block: Array  # [R, C] int8, 1 + block after which the request leaves, 0 before it arrives
    delay_s: Array  # [R, C] float64, response delay, from the arrival to the end of the downlink
    node: Array  # [R, C, S] int8, 1 + node in each stage, 0 for none
    reach_s: Array  # [R, C, S] float64, when the request reaches that node
    start_s: Array  # [R, C, S] float64, when its service begins
    finish_s: Array  # [R, C, S] float64, and ends
    totals: Array  # [R, M] float64, metrics summed since the reset


class StreamingResult(NamedTuple):
    """What one step reports."""

    reward: Array  # [R] float64
    metrics: Array  # [R, M] float64


class StreamingParameters(NamedTuple):
    """Constants of a scenario, as the compiled kernels take them."""

    epoch_s: float
    stages: int
    blocks: int
    band_hz: Array  # [K, 2] float64, up and down: one device's share of the node's bands
    station: Array  # [K] int64, place of the node among the K1 of the first stage, -1 for others
    first_block: Array  # [K] int64
    last_block: Array  # [K] int64
    first_hosted: Array  # [K] int64, place of the node's first block among the P hosted blocks
    link_first: Array  # [K + 2] int64, sender s has the links link_first[s] to link_first[s + 1]; 0 is any device ...
    link_target: Array  # [K1 + L] int64, ... and 1 + k is node k
    rate_bps: Array  # [K, K] float64
    latency_s: Array  # [K, K] float64
    slowdown_factor: (
        Array  # [H + 1, K] float64 >= 1, by which service times of an epoch's requests are multiplied on a node
    )
    quality: Array  # [K] float64, quality factor f of the node's quantisation
    sorted_confidence: Array  # [E, Z] float32, ascending
    tail_accuracy: Array  # [E, Z + 1] float64, accuracy of the rows from a place of that order on / of the full model
    reward_column: Array  # [T] int64, metrics that the reward sums ...
    reward_weight: Array  # [T] float64, ... and their weights


class StreamingWorkspace(NamedTuple):
    """Work space of one row's epoch."""

    order: Array  # [C] int64, the epoch's requests, in the order in which they reach a stage
    reach_s: Array  # [C] float64, when they do
    passed: Array  # [K] int64, and ...
    unused_s: Array  # [K] float64, what `server` calls so


class Sizes(NamedTuple):
    """Lengths of the axes of a scenario's records, but for the rows and the requests."""

    nodes: int
    stations: int
    stages: int
    devices: int
    blocks: int
    hosted: int
    horizon: int
    metrics: int


def allocate_tape(rows: int, capacity: int, sizes: Sizes) -> StreamingTape:
    """An empty tape."""
    widths = (REQUEST_WIDTH, sizes.hosted, sizes.stages, 1)
    request, service_s, route, forward = side_by_side(rows, capacity, *widths)
    radio = np.zeros((rows, sizes.horizon + 1, sizes.devices, sizes.stations, 2), np.float32)
    return StreamingTape(
        **shared_fields(request, radio),
        forward_bits=forward[..., 0],
        service_s=service_s,
        confidence=np.zeros((rows, capacity, sizes.blocks), np.float32),
        correct=np.zeros((rows, capacity, sizes.blocks), np.bool_),
        route=route,
    )


def allocate_state(rows: int, capacity: int, sizes: Sizes) -> StreamingState:
    """A state before any reset."""
    per_node, per_request, per_visit = (rows, sizes.nodes), (rows, capacity), (rows, capacity, sizes.stages)
    return StreamingState(
        epoch=np.zeros(rows, np.int64),
        idle_s=np.zeros((*per_node, capacity + 1, 2)),
        idle_first=np.zeros(per_node, np.int64),
        next_arrival=np.zeros(rows, np.int64),
        first_of_epoch=np.zeros((rows, sizes.horizon + 1), np.int64),
        oldest_open=np.zeros(rows, np.int64),
        arrived_last=np.zeros((rows, sizes.devices), np.int64),
        sent_last=np.zeros(per_node, np.int64),
        threshold_last=np.zeros(per_node, np.float32),
        busy_last_s=np.zeros(per_node),
        open_visits=np.zeros(per_node, np.int64),
        committed_s=np.zeros(per_node),
        outcome=np.zeros(per_request, np.int8),
        exit_block=np.zeros(per_request, np.int8),
        delay_s=np.zeros(per_request),
        node=np.zeros(per_visit, np.int8),
        reach_s=np.zeros(per_visit),
        start_s=np.zeros(per_visit),
        finish_s=np.zeros(per_visit),
        totals=np.zeros((rows, sizes.metrics)),
    )


def allocate_result(rows: int, sizes: Sizes) -> StreamingResult:
    """A result to be filled by one step."""
    return StreamingResult(reward=np.zeros(rows), metrics=np.zeros((rows, sizes.metrics)))


def allocate_workspace(capacity: int, sizes: Sizes) -> StreamingWorkspace:
    """A workspace for any row."""
    nodes = sizes.nodes
    return StreamingWorkspace(
        np.empty(capacity, np.int64), np.empty(capacity), np.empty(nodes, np.int64), np.empty(nodes)
    )
