"""The records of staged admission: those of epoch admission, and what exits and forwarding add to them.

R rows (environments), K nodes, K1 of them in the first stage, S stages, E blocks of the model and as many exits, P
hosted blocks (pairs of a node and a block that it hosts, node by node), L wired links, H epochs of an episode,
C requests that a tape can hold, Z rows of the exit profile. In the shared fields the nodes that devices reach are the
K1 first ones: `spectral_efficiency` is [R, H + 1, D, K1, 2], and `latest_start_s` is -inf at all others.
"""

from collections import namedtuple
from typing import Any, NamedTuple

import numpy as np

from edge_llm_gym.sim import state as epoch
from edge_llm_gym.sim.state import Array, Desk, Parameters, Result, State, Tape

FIRST, LAST, PLACE = 0, 1, 2
"""Columns of `hosts`."""


class ExitTape(NamedTuple):
    """What staged admission adds to a tape."""

    forward_bits: Array  # [R, C] float64, by wire, from one node to the next
    hosted_work_s: Array  # [R, C, P] float64, w from the node's first block through this one and its exit
    hosted_shared_s: Array  # [R, C, P] float64, v likewise
    confidence: Array  # [R, C, E] float32, in [0, 1]
    correct: Array  # [R, C, E] bool, whether the answer at the exit would be right
    route: Array  # [R, C, S] float64, uniform in [0, 1): which way to take into each stage


class ExitState(NamedTuple):
    """What staged admission adds to a state."""

    threshold_last: Array  # [R, K] float32, thresholds of the last epoch's action
    batch_begin_s: Array  # [R, K, H] float64, start of the batch begun in each epoch, inf where none
    exit_block: Array  # [R, C] int8, 1 + block after which the request leaves, 0 before it is admitted
    visited: Array  # [R, C, S] int8, 1 + node in each stage, 0 for none
    finish_s: Array  # [R, C, S] float64, end of the batch there
    admitted: Array  # [R, C] int32, requests in the order in which epochs admitted them
    admitted_until: Array  # [R, H + 1] int64, how many of them epochs before this one admitted


class ExitParameters(NamedTuple):
    """What staged admission adds to the constants of a scenario."""

    stations: int
    stages: int
    blocks: int
    stage: Array  # [K] int64, from 0
    hosts: Array  # [K, 3] int64: FIRST and LAST block of each node, and the PLACE of the first one among the P
    link_first: Array  # [K + 1] int64, node k has the links link_first[k] to link_first[k + 1]
    link_target: Array  # [L] int64
    rate_bps: Array  # [K, K] float64
    latency_s: Array  # [K, K] float64
    sorted_confidence: Array  # [E, Z] float32, ascending
    tail_accuracy: Array  # [E, Z + 1] float64, accuracy of the rows from a place of that order on / of the full model


class WayDesk(NamedTuple):
    """What staged admission adds to the work space of one row's epoch."""

    at: Array  # [N] int64, node that the slot's request has come to, -1 for none
    exit_block: Array  # [N] int64, block after which it leaves there, -1 if it goes on
    reach_s: Array  # [N] float64, when it reached that node, a deep one


class ExitResult(NamedTuple):
    """What staged admission adds to the report of a step."""

    slot_exit: Array  # [R, N] int8, 1 + block after which the slot's request leaves, 0 where it is not computed


def _record(name: str, *parts: Any, without: tuple[str, ...] = ()) -> Any:
    """A NamedTuple with the fields of all parts: what is shared is described once, in `sim.state`."""
    fields = [field for part in parts for field in part._fields if field not in without]
    return namedtuple(name, fields, module=__name__)


StagedTape = _record("StagedTape", Tape, ExitTape, without=("work_s", "shared_s"))  # those of hosted blocks serve
StagedState = _record("StagedState", State, ExitState)
StagedParameters = _record("StagedParameters", Parameters, ExitParameters)
StagedResult = _record("StagedResult", Result, ExitResult)
StagedDesk = _record("StagedDesk", Desk, WayDesk)


class Sizes(NamedTuple):
    """Lengths of the axes of a scenario's records, but for the rows and the requests."""

    nodes: int
    stations: int
    stages: int
    devices: int
    blocks: int
    hosted: int
    horizon: int
    slots: int
    metrics: int


def allocate_tape(rows: int, capacity: int, sizes: Sizes) -> Any:
    """An empty StagedTape. What belongs to one request lies side by side, since requests are looked up one by one.

    Confidences lie apart: observations look them up for all requests of the last epochs, and nothing else.
    """
    widths = (8, 2 * sizes.nodes, 2 * sizes.hosted, sizes.stages, 1)
    ends = np.cumsum(widths)
    block = np.zeros((rows, capacity, ends[-1]))
    request, on_node, hosted, route, forward = (
        block[..., end - width : end] for end, width in zip(ends, widths, strict=True)
    )
    on_node = on_node.reshape(rows, capacity, sizes.nodes, 2)
    hosted = hosted.reshape(rows, capacity, sizes.hosted, 2)
    radio = np.zeros((rows, sizes.horizon + 1, sizes.devices, sizes.stations, 2), np.float32)
    return StagedTape(
        **epoch.shared_fields(request, radio),
        kv_bytes=on_node[..., 0],
        latest_start_s=on_node[..., 1],
        forward_bits=forward[..., 0],
        hosted_work_s=hosted[..., 0],
        hosted_shared_s=hosted[..., 1],
        confidence=np.zeros((rows, capacity, sizes.blocks), np.float32),
        correct=np.zeros((rows, capacity, sizes.blocks), np.bool_),
        route=route,
    )


def allocate_state(rows: int, capacity: int, sizes: Sizes) -> Any:
    """A StagedState before any reset."""
    per_request, per_visit = (rows, capacity), (rows, capacity, sizes.stages)
    base = epoch.allocate_state(rows, capacity, sizes.nodes, sizes.horizon)
    return StagedState(
        *base._replace(totals=np.zeros((rows, sizes.metrics))),
        *ExitState(
            threshold_last=np.zeros((rows, sizes.nodes), np.float32),
            batch_begin_s=np.full((rows, sizes.nodes, sizes.horizon), np.inf),
            exit_block=np.zeros(per_request, np.int8),
            visited=np.zeros(per_visit, np.int8),
            finish_s=np.zeros(per_visit),
            admitted=np.zeros(per_request, np.int32),
            admitted_until=np.zeros((rows, sizes.horizon + 1), np.int64),
        ),
    )


def allocate_result(rows: int, sizes: Sizes) -> Any:
    """A StagedResult to be filled by one step."""
    base = epoch.allocate_result(rows, sizes.slots)._replace(metrics=np.zeros((rows, sizes.metrics)))
    return StagedResult(*base, slot_exit=np.zeros((rows, sizes.slots), np.int8))


def allocate_desk(sizes: Sizes) -> Any:
    """A StagedDesk for any row."""
    slots = sizes.slots
    way = WayDesk(np.empty(slots, np.int64), np.empty(slots, np.int64), np.empty(slots))
    return StagedDesk(*epoch.allocate_desk(slots, sizes.nodes), *way)
