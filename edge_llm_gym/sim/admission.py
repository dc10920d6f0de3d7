"""Who is let in: the radio and the memory of nodes that admit requests in epochs.

A request needs the share rho_min = bits / (slot * B * SE) of a node's band, up and down, and room for its KV cache
beside those of unfinished batches (section 3 of the system model).
"""

import numpy as np
from numba import njit

from edge_llm_gym.sim.metrics import COLUMN
from edge_llm_gym.sim.state import (
    DOWNLINK,
    REFUSED_DOWNLINK,
    REFUSED_MEMORY,
    REFUSED_UPLINK,
    SERVED,
    UPLINK,
    WAITING,
    Array,
    Parameters,
    State,
    Tape,
)

SHARE_TOLERANCE = 1e-9  # relative: shares that add up to one must survive their normalisation
DEAD = 1e-300  # bit/s/Hz, stands for none at all
WORK, SHARED, KV = 0, 1, 2
"""Columns of claims [n, 3] and of loads [K, 3]: seconds that add up, seconds that are shared, bytes of KV cache."""

ASKED = COLUMN["asked"]
REFUSED_COUNT = np.zeros(9, np.int64)
REFUSED_COUNT[[REFUSED_UPLINK, REFUSED_DOWNLINK, REFUSED_MEMORY]] = (
    COLUMN["refused_uplink"],
    COLUMN["refused_downlink"],
    COLUMN["refused_memory"],
)


@njit(cache=True)
def decision_time_s(parameters: Parameters, epoch: int) -> float:
    """When epoch `epoch` begins."""
    return (epoch + 1) * parameters.epoch_s


@njit(cache=True)
def shown(parameters: Parameters, state: State, row: int) -> int:
    """Number of pending requests that have a slot."""
    return min(parameters.slots, state.queue_length[row])


@njit(cache=True)
def minimum_share(bits: float, slot_s: float, bandwidth_hz: float, spectral_efficiency: float) -> float:
    """Share of the band that carries `bits` within the slot: beyond all bounds on a dead channel, 0 for no bits."""
    return bits / (slot_s * bandwidth_hz * max(spectral_efficiency, DEAD))


# What is called for every request takes arrays and numbers: numba copies a whole record at each call.


@njit(cache=True)
def unfinished_kv_bytes(state: State, row: int, node: int, at_s: float) -> float:
    """KV caches on a node of the batches that are unfinished at `at_s`, queued ones included."""
    epoch = state.epoch[row]
    ends = state.batch_end_s[row, node]
    total = 0.0
    for begun in range(state.oldest_batch[row, node], epoch):
        if ends[begun] > at_s:
            total += state.batch_kv_bytes[row, node, begun]
    return total


@njit(cache=True)
def refusal(
    uplink_share: float,
    uplink_needed: float,
    downlink_share: float,
    downlink_needed: float,
    kv_bytes: float,
    room_bytes: float,
) -> int:
    """Why a node refuses a request that is given these shares and this room; WAITING if it does not."""
    if uplink_share * (1.0 + SHARE_TOLERANCE) < uplink_needed:
        return REFUSED_UPLINK
    if downlink_share * (1.0 + SHARE_TOLERANCE) < downlink_needed:
        return REFUSED_DOWNLINK
    if kv_bytes > room_bytes:
        return REFUSED_MEMORY
    return WAITING


@njit(cache=True)
def free_room_bytes(parameters: Parameters, state: State, row: int, node: int) -> float:
    """Room for new KV caches on a node when this epoch's uplink slot ends."""
    at_s = decision_time_s(parameters, state.epoch[row]) + parameters.uplink_slot_s
    return parameters.room_bytes[node] - unfinished_kv_bytes(state, row, node, at_s)


@njit(cache=True)
def _share(weight: float, total: float, asked: int) -> float:
    return weight / total if total > 0.0 else 1.0 / asked


@njit(cache=True)
def _ask(batch, bandwidth, slots, total, asked):  # type: ignore[no-untyped-def]
    """Adds up, for each node, the weights [K, 2] and the number [K] of the requests that are asked onto it."""
    for slot in range(slots):
        node = batch[slot] - 1
        if node >= 0:
            asked[node] += 1
            total[node, UPLINK] += bandwidth[slot, UPLINK]
            total[node, DOWNLINK] += bandwidth[slot, DOWNLINK]


@njit(cache=True)
def need(parameters, tape, state, row, batch, needed):  # type: ignore[no-untyped-def]
    """Fills needed [n, 2] with the shares that the shown requests need on the nodes that they are asked onto.

    A pass of its own, without a branch for those who wait: its look-ups lie far apart in memory, and so they overlap.
    """
    epoch, band_hz = state.epoch[row], parameters.bandwidth_hz
    for slot in range(needed.shape[0]):
        request, node = state.queue[row, slot], max(batch[slot] - 1, 0)
        device = tape.device[row, request]
        up = tape.spectral_efficiency[row, epoch, device, node, UPLINK]
        down = tape.spectral_efficiency[row, epoch, device, node, DOWNLINK]
        up_bits, down_bits = tape.bits[row, request, UPLINK], tape.bits[row, request, DOWNLINK]
        needed[slot, UPLINK] = minimum_share(up_bits, parameters.uplink_slot_s, band_hz[node, UPLINK], up)
        needed[slot, DOWNLINK] = minimum_share(down_bits, parameters.downlink_slot_s, band_hz[node, DOWNLINK], down)


@njit(cache=True)
def admit(parameters, state, row, batch, bandwidth, needed, claim, result, load):  # type: ignore[no-untyped-def]
    """Radio and memory: decides slot by slot who joins, and adds the claims [n, 3] of those to the loads [K, 3].

    Whoever joins gets the outcome SERVED until the end of its batch is known. Shares `needed` [n, 2] are those of
    `need`; the KV caches of a claim are all that the request may come to hold on the node.
    """
    nodes, slots = load.shape[0], needed.shape[0]
    total, asked, room_bytes = np.zeros((nodes, 2)), np.zeros(nodes, np.int64), np.empty(nodes)
    _ask(batch, bandwidth, slots, total, asked)
    for node in range(nodes):
        room_bytes[node] = free_room_bytes(parameters, state, row, node)
    for slot in range(slots):
        result.slot_request[row, slot] = state.queue[row, slot]
        node = batch[slot] - 1
        if node < 0:
            result.slot_outcome[row, slot] = WAITING
            continue
        why = refusal(
            _share(bandwidth[slot, UPLINK], total[node, UPLINK], asked[node]),
            needed[slot, UPLINK],
            _share(bandwidth[slot, DOWNLINK], total[node, DOWNLINK], asked[node]),
            needed[slot, DOWNLINK],
            claim[slot, KV],
            room_bytes[node] - load[node, KV],
        )
        result.metrics[row, ASKED] += 1
        if why != WAITING:
            result.slot_outcome[row, slot] = why
            result.metrics[row, REFUSED_COUNT[why]] += 1
            continue
        result.slot_outcome[row, slot] = SERVED
        add_claim(load, node, claim, slot)


@njit(cache=True)
def add_claim(load, node, claim, slot):  # type: ignore[no-untyped-def]
    """One more request in a node's batch: work and caches add up, shared time is the longest."""
    load[node, WORK] += claim[slot, WORK]
    load[node, SHARED] = max(load[node, SHARED], claim[slot, SHARED])
    load[node, KV] += claim[slot, KV]


@njit(cache=True)
def admissible(parameters: Parameters, tape: Tape, state: State, row: int, mask: Array) -> None:
    """Fills mask [N, K + 1]: whether a slot's request, asked alone with the whole band, would not be refused."""
    mask[:, 0] = True
    mask[:, 1:] = False
    slots = shown(parameters, state, row)
    needed = np.empty((slots, 2))
    for node in range(mask.shape[1] - 1):
        room = free_room_bytes(parameters, state, row, node)
        need(parameters, tape, state, row, np.full(slots, node + 1), needed)
        for slot in range(slots):
            kv_bytes = tape.kv_bytes[row, state.queue[row, slot], node]
            why = refusal(1.0, needed[slot, UPLINK], 1.0, needed[slot, DOWNLINK], kv_bytes, room)
            mask[slot, node + 1] = why == WAITING


@njit(cache=True)
def admissible_rows(parameters: Parameters, tape: Tape, state: State, mask: Array) -> None:
    """Fills mask [R, N, K + 1] for every row."""
    for row in range(mask.shape[0]):
        admissible(parameters, tape, state, row, mask[row])
