"""The records that the transition works on. Every field's shape, dtype and unit stands here, once.

R rows (environments), K nodes, D devices, N slots, H epochs of an episode, C requests that a tape can hold, Q demands,
P places where requests may be computed (one on each node, where the model is one block), M metrics.
"""

from typing import Final, NamedTuple

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.scenario.metrics import METRICS

REQUEST_WIDTH: Final = 8
"""Numbers that `shared_fields` keeps of a request."""


class Tape(NamedTuple):
    """All randomness of an episode, drawn before its first step. Requests stand in order of arrival."""

    length: Array  # [R] int64, requests on the tape
    arrival_s: Array  # [R, C] float64
    deadline_s: Array  # [R, C] float64, arrival + latency budget
    device: Array  # [R, C] int32
    prompt_tokens: Array  # [R, C] int32
    output_tokens: Array  # [R, C] int32
    bits: Array  # [R, C, 2] float64, up and down
    accuracy: Array  # [R, C] float64, demanded quality in [0, 1]
    value: Array  # [R, C] float64
    demand: Array  # [R, C, Q] float64, `request_costs.COST_DRIVERS`: what a node claims for it is linear in them
    latest_start_s: Array  # [R, C, K] float64, -inf where the node can never serve the request
    spectral_efficiency: Array  # [R, H + 1, D, K, 2] float32, bit/s/Hz, up and down
    device_m: Array  # [R, D, 2] float64, positions
    clipped: Array  # [R, 2] int64, prompts and outputs that were cut to the scenario's limits


class State(NamedTuple):
    """What changes from epoch to epoch."""

    epoch: Array  # [R] int64, epochs done
    node_free_s: Array  # [R, K] float64, when the node's last batch ends
    batch_end_s: Array  # [R, K, H] float64, end of the batch begun in each epoch; -inf where none
    batch_kv_bytes: Array  # [R, K, H] float64, its KV caches
    oldest_batch: Array  # [R, K] int64, no batch begun in an earlier epoch is unfinished
    queue: Array  # [R, C] int32, pending requests, earliest deadline first
    queue_length: Array  # [R] int64
    next_arrival: Array  # [R] int64, first request on the tape that has not arrived
    arrived_last: Array  # [R] int64, arrivals in the last epoch
    outcome: Array  # [R, C] int8, what became of each request
    served_by: Array  # [R, C] int8, 1 + node that computed the request, 0 for none
    latency_s: Array  # [R, C] float64, 0 until computed
    totals: Array  # [R, M] float64, metrics summed since the reset


class Result(NamedTuple):
    """What one step reports."""

    reward: Array  # [R] float64
    metrics: Array  # [R, M] float64, columns of METRICS
    slot_request: Array  # [R, N] int32, request shown in the slot when the epoch began, -1 for none
    slot_outcome: Array  # [R, N] int8, an outcome code
    slot_latency_s: Array  # [R, N] float64, 0 where nothing was computed


class Parameters(NamedTuple):
    """Constants of a scenario, as the compiled kernels take them."""

    slots: int
    horizon: int
    epoch_s: float
    uplink_slot_s: float
    downlink_slot_s: float
    bandwidth_hz: Array  # [K, 2] float64, up and down
    room_bytes: Array  # [K] float64, memory left for KV caches beside the weights
    quality: Array  # [K] float64, quality factor f of the node's quantisation
    cost_coefficients: Array  # [P, Q, 3] float64, WORK, SHARED and KV of one unit of each demand
    first_hosted: Array  # [K] int64, the node's first place among the P
    reward_column: Array  # [T] int64, metrics that the reward sums ...
    reward_weight: Array  # [T] float64, ... and their weights


class Workspace(NamedTuple):
    """Work space of one row's epoch: what the requests in the N slots ask for and get, and how full the K nodes are."""

    needed: Array  # [N, 2] float64, minimum shares
    claim: Array  # [N, 3] float64, what they take
    answer: Array  # [N, 2] float64, what they get
    load: Array  # [K, 3] float64, claims of those who were let in
    weight: Array  # [K, 2] float64, bandwidth weights of all who were asked
    asked: Array  # [K] int64, how many those are
    room_bytes: Array  # [K] float64, before the epoch's own batch


def allocate_tape(rows: int, capacity: int, nodes: int, devices: int, horizon: int, demands: int) -> Tape:
    """An empty tape."""
    request, demand, latest_start_s = side_by_side(rows, capacity, REQUEST_WIDTH, demands, nodes)
    radio = np.zeros((rows, horizon + 1, devices, nodes, 2), np.float32)
    return Tape(**shared_fields(request, radio), demand=demand, latest_start_s=latest_start_s)


def side_by_side(rows: int, capacity: int, *widths: int) -> list[Array]:
    """Empty float64 fields [R, C, width]: views of one array, since requests are looked up one here, one there."""
    ends = np.cumsum(widths).tolist()
    block = np.zeros((rows, capacity, ends[-1]))
    return [block[..., end - width : end] for end, width in zip(ends, widths, strict=True)]


def shared_fields(request: Array, spectral_efficiency: Array) -> dict[str, Array]:
    """What tapes of all admissions hold, by name: empty fields, some views of request [R, C, REQUEST_WIDTH]."""
    rows, _, devices = spectral_efficiency.shape[:3]
    counts = request[..., 6:].view(np.int32)
    return {
        "length": np.zeros(rows, np.int64),
        "arrival_s": request[..., 0],
        "deadline_s": request[..., 1],
        "device": counts[..., 0],
        "prompt_tokens": counts[..., 1],
        "output_tokens": counts[..., 2],
        "bits": request[..., 2:4],
        "accuracy": request[..., 4],
        "value": request[..., 5],
        "spectral_efficiency": spectral_efficiency,
        "device_m": np.zeros((rows, devices, 2)),
        "clipped": np.zeros((rows, 2), np.int64),
    }


def allocate_state(rows: int, capacity: int, nodes: int, horizon: int) -> State:
    """A state before any reset."""
    return State(
        epoch=np.zeros(rows, np.int64),
        node_free_s=np.zeros((rows, nodes)),
        batch_end_s=np.full((rows, nodes, horizon), -np.inf),
        batch_kv_bytes=np.zeros((rows, nodes, horizon)),
        oldest_batch=np.zeros((rows, nodes), np.int64),
        queue=np.zeros((rows, capacity), np.int32),
        queue_length=np.zeros(rows, np.int64),
        next_arrival=np.zeros(rows, np.int64),
        arrived_last=np.zeros(rows, np.int64),
        outcome=np.zeros((rows, capacity), np.int8),
        served_by=np.zeros((rows, capacity), np.int8),
        latency_s=np.zeros((rows, capacity)),
        totals=np.zeros((rows, len(METRICS))),
    )


def allocate_result(rows: int, slots: int) -> Result:
    """A result to be filled by one step."""
    return Result(
        reward=np.zeros(rows),
        metrics=np.zeros((rows, len(METRICS))),
        slot_request=np.full((rows, slots), -1, np.int32),
        slot_outcome=np.zeros((rows, slots), np.int8),
        slot_latency_s=np.zeros((rows, slots)),
    )


def allocate_workspace(slots: int, nodes: int) -> Workspace:
    """A workspace for any row of a scenario."""
    return Workspace(
        needed=np.empty((slots, 2)),
        claim=np.empty((slots, 3)),
        answer=np.empty((slots, 2)),
        load=np.empty((nodes, 3)),
        weight=np.empty((nodes, 2)),
        asked=np.empty(nodes, np.int64),
        room_bytes=np.empty(nodes),
    )
