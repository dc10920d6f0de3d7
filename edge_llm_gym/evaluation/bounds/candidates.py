"""Candidates of the clairvoyant bound: node, epoch and request, with the resources the request would use there."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.models.channel import minimum_share, rate_bps
from edge_llm_gym.sim.columns import DOWNLINK, UPLINK
from edge_llm_gym.sim.simulator import Simulator

SLACK = 1e-8
"""Relative on capacities, in seconds on deadlines; ten times the tolerance of the transition."""


class Candidates(NamedTuple):
    """The n entries (node, epoch, request), sorted by node and epoch; each would be served if admitted alone.

    Nodes are the K1 entry nodes, which devices reach by radio: all nodes in batching dynamics.
    """

    first: Array  # [K1, H + 1] int64: entries first[k, e] .. first[k, e + 1] - 1 are those of node k, epoch e
    request: Array  # [n] int64
    work_s: Array  # [n]
    shared_s: Array  # [n]
    usage: Array  # [n, 3] shares of KV capacity, uplink band and downlink band (`feasibility.BOUNDED`)
    left_s: Array  # [n] from the release of the epoch's batches to the latest end that meets the deadline


def candidates(simulator: Simulator, row: int) -> Candidates:
    """All candidates of the tape of a row."""
    horizon, nodes = simulator.scenario.horizon_epochs, simulator.scenario.network.entry_nodes.size
    parts = [_of_epoch(simulator, row, node, epoch) for node in range(nodes) for epoch in range(horizon)]
    ends = np.cumsum([0] + [part[0].size for part in parts])
    first = ends[np.arange(nodes)[:, None] * horizon + np.arange(horizon + 1)]
    return Candidates(first, *(np.concatenate(column) for column in zip(*parts, strict=True)))


def _of_epoch(simulator: Simulator, row: int, node: int, epoch: int) -> tuple[Array, ...]:
    """The columns of Candidates, from `request` on, of one node and epoch."""
    parameters, tape = simulator.parameters, simulator.tape
    now_s = (epoch + 1) * parameters.epoch_s
    release_s = now_s + parameters.radio.uplink_slot_s
    arrived = np.flatnonzero(tape.requests.arrival_s[row, : tape.requests.length[row]] < now_s)
    request = arrived[_can_be_served(simulator, row, node, release_s, arrived)]
    usage = _usage(simulator, row, node, epoch, request)
    request, usage = request[(usage <= 1.0).all(axis=1)], usage[(usage <= 1.0).all(axis=1)]
    left_s = tape.requests.deadline_s[row, request] - parameters.radio.downlink_slot_s - release_s + SLACK
    work_s, shared_s = LEAST_TIMES[simulator.scenario.dynamics](simulator, row, node, request)
    return request, work_s, shared_s, usage, left_s


def _can_be_served(simulator: Simulator, row: int, node: int, release_s: float, request: Array) -> Array:
    """[n] bool: whether the node can serve requests [n] that start alone at `release_s`, up to the first exit.

    Latest start times on the tape are predictions. Requests that are past all of them have expired, and those of -inf
    never fit. Whether a request is in time follows from its true length.
    """
    tape, network = simulator.tape, simulator.parameters.network
    latest_s = tape.latest_start_s[row, request]
    work_s, shared_s, _ = _costs(simulator, row, network.first_hosted[node], request)
    by_s = tape.requests.deadline_s[row, request] - simulator.parameters.radio.downlink_slot_s
    in_time = release_s + work_s + shared_s <= by_s + SLACK
    pending = release_s <= latest_s.max(axis=1) + SLACK
    return np.asarray(in_time & pending & (latest_s[:, node] > -np.inf))


def _whole_times(simulator: Simulator, row: int, node: int, request: Array) -> tuple[Array, Array]:
    """Work and shared time [n] in s of the whole model."""
    work_s, shared_s, _ = _costs(simulator, row, simulator.parameters.network.first_hosted[node], request)
    return work_s, shared_s


def _times_to_good_exit(simulator: Simulator, row: int, node: int, request: Array) -> tuple[Array, Array]:
    """Work and shared time [n] in s up to the first hosted exit that could serve a request under some threshold.

    A request leaves at an exit only under thresholds up to its own confidence there, and is served only if one of them
    reaches the required quality, including the node's quality factor. A request without such an exit computes all
    blocks of the node; computation on later nodes is neglected, which keeps the bound valid.
    """
    tape, parameters = simulator.tape, simulator.parameters
    blocks = np.arange(parameters.network.first_block[node], parameters.network.last_block[node] + 1)
    offered = np.stack(
        [_greatest_accuracy(parameters, block, tape.exits.confidence[row, request, block]) for block in blocks]
    )
    suffices = parameters.quality[node] * offered >= tape.requests.quality_demand[row, request]
    suffices[-1] = True
    hosted = parameters.network.first_hosted[node] + suffices.argmax(axis=0)
    work_s, shared_s, _ = _costs(simulator, row, hosted, request)
    return work_s, shared_s


def _costs(simulator: Simulator, row: int, hosted: Array, request: Array) -> Array:
    """[3, n] WORK, SHARED and KV of requests [n] at one hosted block, or at a block [n] for each."""
    drivers = simulator.tape.cost_drivers[row, request]
    return np.einsum(
        "nq,nqc->cn", drivers, np.broadcast_to(simulator.parameters.cost_coefficients[hosted], (*drivers.shape, 3))
    )


def _greatest_accuracy(parameters: Any, block: int, confidence: Array) -> Array:
    """[n] greatest relative accuracy of an exit over thresholds up to `confidence` [n]."""
    greatest = np.maximum.accumulate(parameters.exits.relative_accuracy[block])
    return greatest[np.searchsorted(parameters.exits.sorted_confidence[block], confidence)]


LEAST_TIMES: Final[Mapping[str, Callable[[Simulator, int, int, Array], tuple[Array, Array]]]] = MappingProxyType(
    {"batching": _whole_times, "batching_routing": _times_to_good_exit}
)
"""Dynamics -> (simulator, row, node, requests [n]) -> least work and shared time [n] in s on the node."""


def _usage(simulator: Simulator, row: int, node: int, epoch: int, request: Array) -> Array:
    """[n, 3] shares of KV capacity, uplink band and downlink band that each `request` [n] needs.

    The true KV cache has to fit, or the request is evicted. Admission checks the downlink share of the prediction.
    """
    parameters, tape = simulator.parameters, simulator.tape
    efficiency = tape.channels.spectral_efficiency[row, epoch, tape.requests.device[row, request], node].astype(
        np.float64
    )
    band_hz, slots_s = (
        parameters.radio.bandwidth_hz[node],
        (parameters.radio.uplink_slot_s, parameters.radio.downlink_slot_s),
    )
    shares = [
        minimum_share(
            tape.requests.bits[row, request, direction],
            slots_s[direction] * rate_bps(1.0, band_hz[direction], efficiency[:, direction]),
        )
        for direction in (UPLINK, DOWNLINK)
    ]
    _, _, kv_bytes = _costs(simulator, row, parameters.network.first_hosted[node], request)
    kv_share = kv_bytes / parameters.kv_capacity_bytes[node]
    return np.stack([kv_share, *shares], axis=-1) / (1.0 + SLACK)
