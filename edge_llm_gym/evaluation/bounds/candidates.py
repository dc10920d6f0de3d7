"""Which request could be served by which node from which epoch on, and what it would use there."""

from typing import NamedTuple

import numpy as np

from edge_llm_gym.models.channel import minimum_share
from edge_llm_gym.sim.simulator import Simulator
from edge_llm_gym.sim.state import DOWNLINK, UPLINK, Array

SLACK = 1e-8
"""Relative on capacities and in seconds on deadlines; ten times what the transition tolerates."""


class Candidates(NamedTuple):
    """Entries (node, epoch, request), n in all, sorted by node and epoch; each would be served if admitted alone."""

    first: Array  # [K, H + 1] int64: those of node k and epoch e are first[k, e] .. first[k, e + 1] - 1
    request: Array  # [n] int64
    work_s: Array  # [n]
    shared_s: Array  # [n]
    usage: Array  # [n, 3] of uplink, downlink and KV room, as a share of what there is
    left_s: Array  # [n] from the release of the epoch's batches to the latest end that meets the deadline


def candidates(simulator: Simulator, row: int) -> Candidates:
    """All candidates of the tape in a row."""
    horizon, nodes = simulator.parameters.horizon, simulator.nodes
    parts = [_of_epoch(simulator, row, node, epoch) for node in range(nodes) for epoch in range(horizon)]
    ends = np.cumsum([0] + [part[0].size for part in parts])
    first = ends[np.arange(nodes)[:, None] * horizon + np.arange(horizon + 1)]
    return Candidates(first, *(np.concatenate(column) for column in zip(*parts, strict=True)))


def _of_epoch(simulator: Simulator, row: int, node: int, epoch: int) -> tuple[Array, ...]:
    """Columns of Candidates of one node and epoch."""
    parameters, tape = simulator.parameters, simulator.tape
    now_s = (epoch + 1) * parameters.epoch_s
    release_s = now_s + parameters.uplink_slot_s
    known = tape.arrival_s[row, : tape.length[row]] < now_s
    in_time = release_s <= tape.latest_start_s[row, : tape.length[row], node] + SLACK
    request = np.flatnonzero(known & in_time)
    usage = _usage(simulator, row, node, epoch, request)
    request, usage = request[(usage <= 1.0).all(axis=1)], usage[(usage <= 1.0).all(axis=1)]
    left_s = tape.deadline_s[row, request] - parameters.downlink_slot_s - release_s + SLACK
    return request, tape.work_s[row, request, node], tape.shared_s[row, request, node], usage, left_s


def _usage(simulator: Simulator, row: int, node: int, epoch: int, request: Array) -> Array:
    """[n, 3] shares of uplink, downlink and room that each `request` [n] needs."""
    parameters, tape = simulator.parameters, simulator.tape
    efficiency = tape.spectral_efficiency[row, epoch, tape.device[row, request], node].astype(np.float64)
    band_hz, slots_s = parameters.bandwidth_hz[node], (parameters.uplink_slot_s, parameters.downlink_slot_s)
    shares = [
        minimum_share(tape.bits[row, request, way], slots_s[way], band_hz[way], efficiency[:, way])
        for way in (UPLINK, DOWNLINK)
    ]
    room = tape.kv_bytes[row, request, node] / parameters.room_bytes[node]
    return np.stack([*shares, room], axis=-1) / (1.0 + SLACK)
