"""Records of streaming dynamics; the shared ones and the meaning of the axes stand in `sim.records`.

P hosted blocks (pairs of a node and a block that it hosts, node by node), M metrics.
"""

from typing import NamedTuple

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.sim.records import (
    REQUEST_WIDTH,
    ChannelTape,
    ExitTable,
    ExitTape,
    NetworkConstants,
    PowerConstants,
    RequestTape,
    RewardTerms,
    allocate_channels,
    allocate_exits,
    allocate_requests,
    interleaved,
)


class StreamingTape(NamedTuple):
    """All randomness of an episode, drawn before its first step."""

    requests: RequestTape
    channels: ChannelTape
    exits: ExitTape
    service_s: Array  # [R, C, P] float64, time alone on the node for the hosted block and its exit


class ServerState(NamedTuple):
    """Nodes as single servers: the intervals that no request occupies."""

    # The intervals in use stand at the end: with the nodes side by side, those of all nodes share cache lines.
    idle_s: Array  # [R, C + 1, K, 2] float64, start and end of the idle intervals, in order ...
    idle_first: Array  # [R, K] int64, ... from this index on; the last one never ends (inf)
    busy_last_s: Array  # [R, K] float64, computing time in the last epoch
    committed_s: Array  # [R, K] float64, time after the last epoch that requests in the network occupy


class RequestLog(NamedTuple):
    """What happened to each request; it is settled in the epoch of its arrival, even where it lies ahead."""

    outcome: Array  # [R, C] int8, code of `sim.outcomes`
    delay_s: Array  # [R, C] float64, response delay, from the arrival to the end of the downlink
    answered_s: Array  # [R, C] float64, arrival and delay, apart from the tape: every epoch compares those of many
    round_trip_s: Array  # [R, C] float64, time that the request's tokens spend on wires while it decodes
    exit_block: Array  # [R, C] int8, 1 + block after which the request exits, 0 before it arrives
    node: Array  # [R, C, S] int8, 1 + node in each stage, 0 for none
    reach_s: Array  # [R, C, S] float64, when the request reaches that node
    start_s: Array  # [R, C, S] float64, when its service begins
    finish_s: Array  # [R, C, S] float64, when its service ends


class StreamingState(NamedTuple):
    """What changes from epoch to epoch."""

    epoch: Array  # [R] int64, epochs done
    servers: ServerState
    requests: RequestLog
    next_arrival: Array  # [R] int64, first request on the tape that has not arrived
    first_of_epoch: Array  # [R, H + 1] int64, first request on the tape that arrives in an epoch
    oldest_open: Array  # [R] int64, earlier requests have been answered
    arrived_last: Array  # [R, D] int64, arrivals of each device in the last epoch
    sent_last: Array  # [R, K] int64, requests that the last action sent to each node
    threshold_last: Array  # [R, K] float32, thresholds of the last action
    open_visits: Array  # [R, K] int64, requests in the network that each node has not finished
    totals: Array  # [R, M] float64, metrics since the reset, by kind (`sim.totals`)


class StreamingResult(NamedTuple):
    """What one step reports."""

    reward: Array  # [R] float64
    metrics: Array  # [R, M] float64


class StreamingParameters(NamedTuple):
    """Constants of a scenario as kernels take them."""

    epoch_s: float
    band_hz: Array  # [K, 2] float64, up and down: one device's share of the node's bands
    entry_index: Array  # [K] int64, index of the node among the K1 entry nodes, -1 for others
    slowdown_factor: Array  # [H + 1, K] float64 >= 1, multiplies the service times of an epoch's requests on a node
    quality: Array  # [K] float64, quality factor f of the node's quantisation
    network: NetworkConstants
    exits: ExitTable
    metric_kinds: Array  # [M, 2] int64 (`sim.totals`)
    power: PowerConstants
    reward: RewardTerms


class Workspace(NamedTuple):
    """Work space of one row's epoch."""

    order: Array  # [C] int64, the epoch's requests, in the order in which they reach a stage
    reach_s: Array  # [C] float64, when each request of the tape reaches it
    scratch: Array  # [C] int64, for sorting them
    skipped: Array  # [K] int64, idle intervals that were skipped and remain useful to later epochs
    unused_s: Array  # [K] float64, time within the epoch in the intervals that were skipped


class Sizes(NamedTuple):
    """Lengths of the axes of a scenario's records, except rows and requests."""

    nodes: int
    entry_nodes: int
    stages: int
    devices: int
    blocks: int
    hosted_blocks: int
    horizon: int
    metrics: int


def allocate_tape(rows: int, capacity: int, sizes: Sizes) -> StreamingTape:
    """An empty tape."""
    widths = (REQUEST_WIDTH, sizes.hosted_blocks, sizes.stages, 2)
    request, service_s, route, wired = interleaved(rows, capacity, *widths)
    return StreamingTape(
        requests=allocate_requests(request),
        channels=allocate_channels(rows, sizes.horizon, sizes.devices, sizes.entry_nodes),
        exits=allocate_exits(route, wired, sizes.blocks),
        service_s=service_s,
    )


def allocate_state(rows: int, capacity: int, sizes: Sizes) -> StreamingState:
    """A state before any reset."""
    per_node, per_request, per_visit = (rows, sizes.nodes), (rows, capacity), (rows, capacity, sizes.stages)
    return StreamingState(
        epoch=np.zeros(rows, np.int64),
        servers=ServerState(
            idle_s=np.zeros((rows, capacity + 1, sizes.nodes, 2)),
            idle_first=np.zeros(per_node, np.int64),
            busy_last_s=np.zeros(per_node),
            committed_s=np.zeros(per_node),
        ),
        requests=RequestLog(
            outcome=np.zeros(per_request, np.int8),
            delay_s=np.zeros(per_request),
            answered_s=np.zeros(per_request),
            round_trip_s=np.zeros(per_request),
            exit_block=np.zeros(per_request, np.int8),
            node=np.zeros(per_visit, np.int8),
            reach_s=np.zeros(per_visit),
            start_s=np.zeros(per_visit),
            finish_s=np.zeros(per_visit),
        ),
        next_arrival=np.zeros(rows, np.int64),
        first_of_epoch=np.zeros((rows, sizes.horizon + 1), np.int64),
        oldest_open=np.zeros(rows, np.int64),
        arrived_last=np.zeros((rows, sizes.devices), np.int64),
        sent_last=np.zeros(per_node, np.int64),
        threshold_last=np.zeros(per_node, np.float32),
        open_visits=np.zeros(per_node, np.int64),
        totals=np.zeros((rows, sizes.metrics)),
    )


def allocate_result(rows: int, sizes: Sizes) -> StreamingResult:
    """A result to be filled by one step."""
    return StreamingResult(reward=np.zeros(rows), metrics=np.zeros((rows, sizes.metrics)))


def allocate_workspace(capacity: int, sizes: Sizes) -> Workspace:
    """A workspace for any row."""
    nodes = sizes.nodes
    return Workspace(
        order=np.empty(capacity, np.int64),
        reach_s=np.empty(capacity),
        scratch=np.empty(capacity, np.int64),
        skipped=np.empty(nodes, np.int64),
        unused_s=np.empty(nodes),
    )
