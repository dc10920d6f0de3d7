"""The records of batching-and-routing dynamics: those of batching dynamics, and what exits and forwarding add to them.

R rows (environments), K nodes, K1 of them in the first stage, S stages, E blocks of the model and as many exits, P
hosted blocks (pairs of a node and a block that it hosts, node by node), L wired links, H epochs of an episode,
C requests that a tape can hold, Z rows of the exit profile. In the shared fields the nodes that devices reach are the
K1 first ones: `spectral_efficiency` is [R, H + 1, D, K1, 2], `latest_start_s` [R, C, K1].
"""

from collections import namedtuple
from typing import Any, NamedTuple

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.sim.pooled import records as epoch
from edge_llm_gym.sim.pooled.records import Parameters, Result, State, Tape, Workspace


class ExitTape(NamedTuple):
    """What batching-and-routing dynamics adds to a tape."""

    forward_bits: Array  # [R, C] float64, by wire, from one node to the next
    confidence: Array  # [R, C, E] float32, in [0, 1]
    correct: Array  # [R, C, E] bool, whether the answer at the exit would be right
    route: Array  # [R, C, S] float64, uniform in [0, 1): which way to take into each stage


class ExitState(NamedTuple):
    """What batching-and-routing dynamics adds to a state."""

    threshold_last: Array  # [R, K] float32, thresholds of the last epoch's action
    batch_begin_s: Array  # [R, K, H] float64, start of the batch begun in each epoch, inf where none
    exit_block: Array  # [R, C] int8, 1 + block after which the request leaves, 0 before it is admitted
    visited: Array  # [R, C, S] int8, 1 + node in each stage, 0 for none
    finish_s: Array  # [R, C, S] float64, end of the batch there
    admitted: Array  # [R, C] int32, requests in the order in which epochs admitted them
    admitted_until: Array  # [R, H + 1] int64, how many of them epochs before this one admitted


class ExitParameters(NamedTuple):
    """What batching-and-routing dynamics adds to the constants of a scenario."""

    stations: int
    stages: int
    blocks: int
    stage: Array  # [K] int64, from 0
    first_block: Array  # [K] int64, that the node hosts
    last_block: Array  # [K] int64
    link_first: Array  # [K + 1] int64, node k has the links link_first[k] to link_first[k + 1]
    link_target: Array  # [L] int64
    rate_bps: Array  # [K, K] float64
    latency_s: Array  # [K, K] float64
    sorted_confidence: Array  # [E, Z] float32, ascending
    tail_accuracy: Array  # [E, Z + 1] float64, accuracy of the rows from a place of that order on / of the full model


class RoutingWorkspace(NamedTuple):
    """What batching-and-routing dynamics adds to the work space of one row's epoch."""

    seat: Array  # [N] int64, slots of those who were let in, in order
    at: Array  # [N] int64, node that the slot's request has come to
    exit_block: Array  # [N] int64, block after which it leaves there, -1 if it goes on
    reach_s: Array  # [N] float64, when it reached that node, a deep one


class ExitResult(NamedTuple):
    """What batching-and-routing dynamics adds to the report of a step."""

    slot_exit: Array  # [R, N] int8, 1 + block after which the slot's request leaves, 0 where it is not computed


def _record(name: str, *parts: Any) -> Any:
    """A NamedTuple with the fields of all parts: what is shared is described once, in `sim.state`."""
    return namedtuple(name, [field for part in parts for field in part._fields], module=__name__)


StagedTape = _record("StagedTape", Tape, ExitTape)
StagedState = _record("StagedState", State, ExitState)
StagedParameters = _record("StagedParameters", Parameters, ExitParameters)
StagedResult = _record("StagedResult", Result, ExitResult)
RoutingPooledWorkspace = _record("RoutingPooledWorkspace", Workspace, RoutingWorkspace)


class Sizes(NamedTuple):
    """Lengths of the axes of a scenario's records, but for the rows and the requests."""

    nodes: int
    stations: int
    stages: int
    devices: int
    blocks: int
    demands: int
    horizon: int
    slots: int
    metrics: int


def allocate_tape(rows: int, capacity: int, sizes: Sizes) -> Any:
    """An empty StagedTape. Confidences lie apart: observations look up those of the last epochs, and nothing else."""
    widths = (epoch.REQUEST_WIDTH, sizes.demands, sizes.stations, sizes.stages, 1)
    request, demand, latest_start, route, forward = epoch.side_by_side(rows, capacity, *widths)
    radio = np.zeros((rows, sizes.horizon + 1, sizes.devices, sizes.stations, 2), np.float32)
    return StagedTape(
        **epoch.shared_fields(request, radio),
        demand=demand,
        latest_start_s=latest_start,
        forward_bits=forward[..., 0],
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


def allocate_workspace(sizes: Sizes) -> Any:
    """A RoutingPooledWorkspace for any row."""
    slots = sizes.slots
    way = RoutingWorkspace(*(np.empty(slots, kind) for kind in (np.int64, np.int64, np.int64, np.float64)))
    return RoutingPooledWorkspace(*epoch.allocate_workspace(slots, sizes.nodes), *way)
