"""Which request could be served by which node from which epoch on, and what it would use there."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.models.channel import minimum_share
from edge_llm_gym.sim.columns import DOWNLINK, UPLINK
from edge_llm_gym.sim.simulator import Simulator

SLACK = 1e-8
"""Relative on capacities and in seconds on deadlines; ten times what the transition tolerates."""


class Candidates(NamedTuple):
    """Entries (node, epoch, request), n in all, sorted by node and epoch; each would be served if admitted alone.

    Nodes are the K1 that devices reach: all of them in batching dynamics.
    """

    first: Array  # [K1, H + 1] int64: those of node k and epoch e are first[k, e] .. first[k, e + 1] - 1
    request: Array  # [n] int64
    work_s: Array  # [n]
    shared_s: Array  # [n]
    usage: Array  # [n, 3] of KV memory, uplink and downlink (`feasibility.BOUNDED`), as shares of their capacities
    left_s: Array  # [n] from the release of the epoch's batches to the latest end that meets the deadline


def candidates(simulator: Simulator, row: int) -> Candidates:
    """All candidates of the tape in a row."""
    horizon, nodes = simulator.scenario.horizon_epochs, simulator.scenario.network.entry_nodes.size
    parts = [_of_epoch(simulator, row, node, epoch) for node in range(nodes) for epoch in range(horizon)]
    ends = np.cumsum([0] + [part[0].size for part in parts])
    first = ends[np.arange(nodes)[:, None] * horizon + np.arange(horizon + 1)]
    return Candidates(first, *(np.concatenate(column) for column in zip(*parts, strict=True)))


def _of_epoch(simulator: Simulator, row: int, node: int, epoch: int) -> tuple[Array, ...]:
    """Columns of Candidates of one node and epoch."""
    parameters, tape = simulator.parameters, simulator.tape
    now_s = (epoch + 1) * parameters.epoch_s
    release_s = now_s + parameters.radio.uplink_slot_s
    known = tape.requests.arrival_s[row, : tape.requests.length[row]] < now_s
    in_time = release_s <= tape.latest_start_s[row, : tape.requests.length[row], node] + SLACK
    request = np.flatnonzero(known & in_time)
    usage = _usage(simulator, row, node, epoch, request)
    request, usage = request[(usage <= 1.0).all(axis=1)], usage[(usage <= 1.0).all(axis=1)]
    left_s = tape.requests.deadline_s[row, request] - parameters.radio.downlink_slot_s - release_s + SLACK
    work_s, shared_s = LEAST_TIMES[simulator.scenario.dynamics](simulator, row, node, request)
    return request, work_s, shared_s, usage, left_s


def _whole_times(simulator: Simulator, row: int, node: int, request: Array) -> tuple[Array, Array]:
    """Work and shared time [n] of the whole model."""
    work_s, shared_s, _ = _claims(simulator, row, simulator.parameters.network.first_hosted[node], request)
    return work_s, shared_s


def _times_to_good_exit(simulator: Simulator, row: int, node: int, request: Array) -> tuple[Array, Array]:
    """Work and shared time [n] through the first hosted exit that could serve a request under any threshold.

    A request leaves at an exit only under thresholds up to its own confidence there, and is served only if one of them
    offers what it demands, the node's own quality factor included. Whoever cannot leave well computes all the blocks of
    the node; what comes after it is for free here.
    """
    tape, parameters = simulator.tape, simulator.parameters
    blocks = np.arange(parameters.network.first_block[node], parameters.network.last_block[node] + 1)
    offered = np.stack(
        [_most_offered(parameters, block, tape.exits.confidence[row, request, block]) for block in blocks]
    )
    good = parameters.quality[node] * offered >= tape.requests.quality_demand[row, request]
    good[-1] = True
    place = parameters.network.first_hosted[node] + good.argmax(axis=0)
    work_s, shared_s, _ = _claims(simulator, row, place, request)
    return work_s, shared_s


def _claims(simulator: Simulator, row: int, place: Array, request: Array) -> Array:
    """[3, n] WORK, SHARED and KV of requests [n], all at one place or each at its own [n]."""
    demand = simulator.tape.cost_drivers[row, request]
    return np.einsum(
        "nq,nqc->cn", demand, np.broadcast_to(simulator.parameters.cost_coefficients[place], (*demand.shape, 3))
    )


def _most_offered(parameters: Any, block: int, confidence: Array) -> Array:
    """[n] the greatest relative accuracy that a threshold up to `confidence` [n] offers at an exit, at most 1."""
    if block == parameters.network.blocks - 1:
        return np.ones(confidence.size)
    greatest = np.maximum.accumulate(parameters.exits.tail_accuracy[block])
    return greatest[np.searchsorted(parameters.exits.sorted_confidence[block], confidence)]


LEAST_TIMES: Final[Mapping[str, Callable[[Simulator, int, int, Array], tuple[Array, Array]]]] = MappingProxyType(
    {"batching": _whole_times, "batching_routing": _times_to_good_exit}
)
"""Admission -> the least that requests [n] take on a node, wherever else they go."""


def _usage(simulator: Simulator, row: int, node: int, epoch: int, request: Array) -> Array:
    """[n, 3] shares of the KV memory, uplink and downlink that each `request` [n] needs."""
    parameters, tape = simulator.parameters, simulator.tape
    efficiency = tape.channels.spectral_efficiency[row, epoch, tape.requests.device[row, request], node].astype(
        np.float64
    )
    band_hz, slots_s = (
        parameters.radio.bandwidth_hz[node],
        (parameters.radio.uplink_slot_s, parameters.radio.downlink_slot_s),
    )
    shares = [
        minimum_share(tape.requests.bits[row, request, way], slots_s[way], band_hz[way], efficiency[:, way])
        for way in (UPLINK, DOWNLINK)
    ]
    _, _, kv_bytes = _claims(simulator, row, parameters.network.first_hosted[node], request)
    kv_share = kv_bytes / parameters.kv_capacity_bytes[node]
    return np.stack([kv_share, *shares], axis=-1) / (1.0 + SLACK)
