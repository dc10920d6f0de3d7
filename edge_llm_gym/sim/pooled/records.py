"""Records of pooled dynamics; the shared ones and the meaning of the axes stand in `sim.records`.

N slots, P hosted blocks (pairs of a node and a block that it hosts, node by node), Q cost drivers, M metrics. A model
without early exits is one block with one exit, and a network without links has one stage.
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


class PooledTape(NamedTuple):
    """All randomness of an episode, drawn before its first step."""

    requests: RequestTape
    channels: ChannelTape
    exits: ExitTape  # unused, and all zeros, without early exits
    cost_drivers: Array  # [R, C, Q] float64, `request_costs.COST_DRIVERS`: the costs of a request are linear in them
    predicted_drivers: Array  # [R, C, Q] float64, of the predicted output tokens; `cost_drivers` itself if known
    latest_start_s: Array  # [R, C, K1] float64, as predicted; -inf where the node can never serve the request


class QueueState(NamedTuple):
    """Pending requests."""

    request: Array  # [R, C] int32, earliest deadline first
    length: Array  # [R] int64
    next_arrival: Array  # [R] int64, first request on the tape that has not arrived
    arrived_last: Array  # [R] int64, arrivals in the last epoch
    scratch: Array  # [R, C] int32, work space for sorting arrivals


class BatchLog(NamedTuple):
    """Batches by node and by the epoch that admitted them.

    Several batches of a deep node, which run one after the other, count as one that holds the KV caches of all until
    the last one ends: like queued batches elsewhere, the later ones hold their caches while they wait.
    """

    begin_s: Array  # [R, K, H] float64, start of the first; inf without a batch
    end_s: Array  # [R, K, H] float64, end of the last; -inf without a batch
    kv_bytes: Array  # [R, K, H] float64, KV caches of all, as reserved
    oldest: Array  # [R, K] int64, batches of earlier epochs have ended


class RequestLog(NamedTuple):
    """What happened to each request."""

    codes: Array  # [R, C, 2 + S] int8, memory of outcome, exit_block and node, so that a reset clears them at once
    outcome: Array  # [R, C] int8, code of `sim.outcomes`
    latency_s: Array  # [R, C] float64, 0 until computed
    exit_block: Array  # [R, C] int8, 1 + block after which the request exits, 0 before it is admitted
    node: Array  # [R, C, S] int8, 1 + node in each stage, 0 for none
    finish_s: Array  # [R, C, S] float64, end of the batch there; stale where node is 0


class AdmissionLog(NamedTuple):
    """Admitted requests in the order of their admission."""

    request: Array  # [R, C] int32, stale from the last admission on
    until: Array  # [R, H + 1] int64, number of requests that earlier epochs admitted


class PredictionLog(NamedTuple):
    """Batches as they are expected from predicted output lengths, beside the true ones of the BatchLog.

    The first two fields are expectations at the present decision time.
    """

    node_free_s: Array  # [R, K] float64, when the node's last batch ends
    held_bytes: Array  # [R, K] float64, reservations that are held at the end of the uplink slot
    ready_s: Array  # [R, K, H] float64, when the batch can start, as expected in the epoch that admitted it
    duration_s: Array  # [R, K, H] float64, of the batch; summed over several batches
    used_bytes: Array  # [R, K, H] float64, true KV caches, without evicted ones; of several batches all
    expired_epoch: Array  # [R, C] int32, epoch of the decision before which the request expired, -1 for none


class PooledState(NamedTuple):
    """What changes from epoch to epoch."""

    epoch: Array  # [R] int64, epochs done
    node_free_s: Array  # [R, K] float64, when the node's last batch ends
    queue: QueueState
    batches: BatchLog
    requests: RequestLog
    admissions: AdmissionLog
    predictions: PredictionLog | None  # None if output lengths are known
    threshold_last: Array  # [R, K] float32, thresholds of the last action
    totals: Array  # [R, M] float64, metrics since the reset, by kind (`sim.totals`)


class PooledResult(NamedTuple):
    """What one step reports."""

    reward: Array  # [R] float64
    metrics: Array  # [R, M] float64
    slot_request: Array  # [R, N] int32, request shown in the slot when the epoch began, -1 for none
    slot_outcome: Array  # [R, N] int8, an outcome code
    slot_latency_s: Array  # [R, N] float64, 0 where nothing was computed
    slot_exit: Array  # [R, N] int8, 1 + block after which the slot's request exits, 0 where it is not computed
    slot_expired: Array  # [R, N] bool, whether the slot's request waited or was refused, and expired after the epoch
    slot_evicted: Array | None  # [R, N] bool, whether the slot's request was evicted; None if lengths are known


class RadioConstants(NamedTuple):
    """The radio slots of an epoch and the bands of the nodes."""

    uplink_slot_s: float
    downlink_slot_s: float
    bandwidth_hz: Array  # [K, 2] float64, up and down


class PooledParameters(NamedTuple):
    """Constants of a scenario as kernels take them."""

    slots: int
    epoch_s: float
    radio: RadioConstants
    kv_capacity_bytes: Array  # [K] float64, memory left for KV caches beside the weights
    quality: Array  # [K] float64, quality factor f of the node's quantisation
    cost_coefficients: Array  # [P, Q, 3] float64, WORK, SHARED and KV of one unit of each cost driver
    network: NetworkConstants
    exits: ExitTable
    metric_kinds: Array  # [M, 2] int64 (`sim.totals`)
    power: PowerConstants
    reward: RewardTerms


class Forecast(NamedTuple):
    """Work space for predicted output lengths, by slot and by node; "current node" as in Workspace."""

    cost: Array  # [N, 3] float64, WORK, SHARED and KV of the predicted length on the current node
    kv_bytes: Array  # [N] float64, KV cache of the true length on the current node
    end_s: Array  # [N] float64, expected end on the current node
    reach_s: Array  # [N] float64, when the request is expected to reach the current node, a deep one
    answer_s: Array  # [N] float64, transmission time of the answer
    evicted: Array  # [N] bool
    free_bytes: Array  # [K] float64, before the epoch's own batch, beside the caches that are truly held


class Workspace(NamedTuple):
    """Work space of one row's epoch, by slot and by node."""

    minimum_share: Array  # [N, 2] float64, of the band of the requested node, up and down
    cost: Array  # [N, 3] float64, WORK, SHARED and KV on the current node; KV as reserved
    completion: Array  # [N, 2] float64, END_S on the current node and QUALITY of the answer
    exit_block: Array  # [N] int64, block after which the request exits on the current node, -1 if it is forwarded
    current_node: Array  # [N] int64
    reach_s: Array  # [N] float64, when the request reached the current node, a deep one
    round_trip_s: Array  # [N] float64, time that the request's tokens spend on wires while it decodes
    admitted_slots: Array  # [N] int64, slots of the admitted requests, in order
    load: Array  # [K, 3] float64, WORK, SHARED and KV of the batch
    weight: Array  # [K, 2] float64, bandwidth weights of all requests for the node
    requested: Array  # [K] int64, number of these requests
    free_kv_bytes: Array  # [K] float64, before the epoch's own batch
    busy_s: Array  # [K] float64, computing time in the epoch
    forecast: Forecast | None  # None if output lengths are known


class Sizes(NamedTuple):
    """Lengths of the axes of a scenario's records, except rows and requests."""

    nodes: int
    entry_nodes: int
    stages: int
    devices: int
    blocks: int
    cost_drivers: int
    horizon: int
    slots: int
    metrics: int
    predicts: bool  # whether output lengths are predicted


def allocate_tape(rows: int, capacity: int, sizes: Sizes) -> PooledTape:
    """An empty tape."""
    widths = (REQUEST_WIDTH, sizes.cost_drivers, sizes.entry_nodes)
    predicted_widths = (sizes.cost_drivers, 1) if sizes.predicts else ()
    request, cost_drivers, latest_start_s, *predicted = interleaved(rows, capacity, *widths, *predicted_widths)
    predicted_drivers, answer_bits = predicted or (cost_drivers, None)
    route, wired = interleaved(rows, capacity, sizes.stages, 2)
    return PooledTape(
        requests=allocate_requests(request, None if answer_bits is None else answer_bits[..., 0]),
        channels=allocate_channels(rows, sizes.horizon, sizes.devices, sizes.entry_nodes),
        exits=allocate_exits(route, wired, sizes.blocks),
        cost_drivers=cost_drivers,
        predicted_drivers=predicted_drivers,
        latest_start_s=latest_start_s,
    )


def allocate_state(rows: int, capacity: int, sizes: Sizes) -> PooledState:
    """A state before any reset."""
    return PooledState(
        epoch=np.zeros(rows, np.int64),
        node_free_s=np.zeros((rows, sizes.nodes)),
        queue=allocate_queue(rows, capacity),
        batches=_allocate_batches(rows, sizes),
        requests=allocate_request_log(rows, capacity, sizes.stages),
        admissions=allocate_admissions(rows, capacity, sizes.horizon),
        predictions=_allocate_predictions(rows, capacity, sizes) if sizes.predicts else None,
        threshold_last=np.zeros((rows, sizes.nodes), np.float32),
        totals=np.zeros((rows, sizes.metrics)),
    )


def allocate_queue(rows: int, capacity: int) -> QueueState:
    """An empty queue."""
    return QueueState(
        request=np.zeros((rows, capacity), np.int32),
        length=np.zeros(rows, np.int64),
        next_arrival=np.zeros(rows, np.int64),
        arrived_last=np.zeros(rows, np.int64),
        scratch=np.zeros((rows, capacity), np.int32),
    )


def allocate_admissions(rows: int, capacity: int, horizon: int) -> AdmissionLog:
    """An empty log."""
    return AdmissionLog(np.zeros((rows, capacity), np.int32), np.zeros((rows, horizon + 1), np.int64))


def _allocate_batches(rows: int, sizes: Sizes) -> BatchLog:
    """An empty log; the three numbers of a batch share a cache line."""
    block = np.empty((rows, sizes.nodes, sizes.horizon, 3))
    block[:] = np.inf, -np.inf, 0.0
    begin_s, end_s, kv_bytes = np.moveaxis(block, -1, 0)
    return BatchLog(begin_s, end_s, kv_bytes, np.zeros((rows, sizes.nodes), np.int64))


def _allocate_predictions(rows: int, capacity: int, sizes: Sizes) -> PredictionLog:
    per_node, per_batch = (rows, sizes.nodes), (rows, sizes.nodes, sizes.horizon)
    return PredictionLog(
        node_free_s=np.zeros(per_node),
        held_bytes=np.zeros(per_node),
        ready_s=np.zeros(per_batch),
        duration_s=np.zeros(per_batch),
        used_bytes=np.zeros(per_batch),
        expired_epoch=np.full((rows, capacity), -1, np.int32),
    )


def allocate_request_log(rows: int, capacity: int, stages: int) -> RequestLog:
    """An empty log; fields of one dtype share cache lines for each request."""
    codes, times_s = np.zeros((rows, capacity, 2 + stages), np.int8), np.zeros((rows, capacity, 1 + stages))
    return RequestLog(
        codes=codes,
        outcome=codes[..., 0],
        latency_s=times_s[..., 0],
        exit_block=codes[..., 1],
        node=codes[..., 2:],
        finish_s=times_s[..., 1:],
    )


def allocate_result(rows: int, sizes: Sizes) -> PooledResult:
    """A result to be filled by one step."""
    per_slot = (rows, sizes.slots)
    slot_request = np.empty(per_slot, np.int32)
    slot_request.fill(-1)  # for one row, `np.full` takes four times as long
    return PooledResult(
        reward=np.zeros(rows),
        metrics=np.zeros((rows, sizes.metrics)),
        slot_request=slot_request,
        slot_outcome=np.zeros(per_slot, np.int8),
        slot_latency_s=np.zeros(per_slot),
        slot_exit=np.zeros(per_slot, np.int8),
        slot_expired=np.zeros(per_slot, np.bool_),
        slot_evicted=np.zeros(per_slot, np.bool_) if sizes.predicts else None,
    )


def allocate_workspace(sizes: Sizes) -> Workspace:
    """A workspace for any row of a scenario."""
    slots, nodes = sizes.slots, sizes.nodes
    return Workspace(
        minimum_share=np.empty((slots, 2)),
        cost=np.empty((slots, 3)),
        completion=np.empty((slots, 2)),
        exit_block=np.empty(slots, np.int64),
        current_node=np.empty(slots, np.int64),
        reach_s=np.empty(slots),
        round_trip_s=np.empty(slots),
        admitted_slots=np.empty(slots, np.int64),
        load=np.empty((nodes, 3)),
        weight=np.empty((nodes, 2)),
        requested=np.empty(nodes, np.int64),
        free_kv_bytes=np.empty(nodes),
        busy_s=np.empty(nodes),
        forecast=_allocate_forecast(sizes) if sizes.predicts else None,
    )


def _allocate_forecast(sizes: Sizes) -> Forecast:
    slots = sizes.slots
    return Forecast(
        cost=np.empty((slots, 3)),
        kv_bytes=np.empty(slots),
        end_s=np.empty(slots),
        reach_s=np.empty(slots),
        answer_s=np.empty(slots),
        evicted=np.empty(slots, np.bool_),
        free_bytes=np.empty(sizes.nodes),
    )
