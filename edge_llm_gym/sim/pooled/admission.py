"""Who is let in: the radio and the memory of nodes that admit requests in epochs.

A request needs the share rho_min = bits / (slot * B * SE) of a node's band, up and down, and room for its KV cache
beside those of unfinished batches (section 3 of the system model).
"""

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel
from edge_llm_gym.scenario.metrics import COLUMN
from edge_llm_gym.sim.columns import DOWNLINK, KV, UPLINK
from edge_llm_gym.sim.cost_kernels import add_cost, claimed
from edge_llm_gym.sim.outcomes import REFUSED_DOWNLINK, REFUSED_MEMORY, REFUSED_UPLINK, SERVED, WAITING
from edge_llm_gym.sim.pooled.records import Parameters, Result, State, Tape, Workspace

SHARE_TOLERANCE = 1e-9  # relative: shares that add up to one must survive their normalisation
DEAD = 1e-300  # bit/s/Hz, stands for none at all

ASKED = COLUMN["requested"]
REFUSED_COUNT = np.zeros(9, np.int64)
REFUSED_COUNT[[REFUSED_UPLINK, REFUSED_DOWNLINK, REFUSED_MEMORY]] = (
    COLUMN["refused_uplink"],
    COLUMN["refused_downlink"],
    COLUMN["refused_memory"],
)


@kernel
def decision_time_s(parameters: Parameters, epoch: int) -> float:
    """When epoch `epoch` begins."""
    return (epoch + 1) * parameters.epoch_s


@kernel
def shown(parameters: Parameters, state: State, row: int) -> int:
    """Number of pending requests that have a slot."""
    return min(parameters.slots, state.queue_length[row])


@kernel
def minimum_share(bits: float, slot_s: float, bandwidth_hz: float, spectral_efficiency: float) -> float:
    """Share of the band that carries `bits` within the slot: beyond all bounds on a dead channel, 0 for no bits."""
    return bits / (slot_s * bandwidth_hz * max(spectral_efficiency, DEAD))


@kernel
def unfinished_kv_bytes(state: State, row: int, node: int, at_s: float) -> float:
    """KV caches on a node of the batches that are unfinished at `at_s`, queued ones included."""
    total = 0.0
    for begun in range(state.oldest_batch[row, node], state.epoch[row]):
        if state.batch_end_s[row, node, begun] > at_s:
            total += state.batch_kv_bytes[row, node, begun]
    return total


@kernel
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


@kernel
def free_kv_bytes(parameters: Parameters, state: State, row: int, node: int) -> float:
    """Room for new KV caches on a node when this epoch's uplink slot ends."""
    at_s = decision_time_s(parameters, state.epoch[row]) + parameters.uplink_slot_s
    return parameters.room_bytes[node] - unfinished_kv_bytes(state, row, node, at_s)


@kernel
def _share(weight: float, total: float, asked: int) -> float:
    return weight / total if total > 0.0 else 1.0 / asked


@kernel
def _shares(parameters: Parameters, tape: Tape, state: State, row: int, slot: int, node: int) -> tuple[float, float]:
    """Shares, up and down, that the request of a slot needs on a node."""
    request = state.queue[row, slot]
    device, epoch, band_hz = tape.device[row, request], state.epoch[row], parameters.bandwidth_hz
    up = tape.spectral_efficiency[row, epoch, device, node, UPLINK]
    down = tape.spectral_efficiency[row, epoch, device, node, DOWNLINK]
    up_bits, down_bits = tape.bits[row, request, UPLINK], tape.bits[row, request, DOWNLINK]
    up_share = minimum_share(up_bits, parameters.uplink_slot_s, band_hz[node, UPLINK], up)
    return up_share, minimum_share(down_bits, parameters.downlink_slot_s, band_hz[node, DOWNLINK], down)


@kernel
def need(parameters: Parameters, tape: Tape, state: State, row: int, batch: Array, workspace: Workspace) -> None:
    """Notes the shares that the shown requests need on the nodes that they are asked onto.

    A pass of its own, without a branch for those who wait: its look-ups lie far apart in memory, and so they overlap.
    """
    for slot in range(shown(parameters, state, row)):
        up, down = _shares(parameters, tape, state, row, slot, max(batch[slot] - 1, 0))
        workspace.needed[slot, UPLINK], workspace.needed[slot, DOWNLINK] = up, down


@kernel
def _open_nodes(parameters: Parameters, state: State, row: int, workspace: Workspace) -> None:
    """Nobody asked yet, nobody let in, and what room there is."""
    workspace.load[:] = 0.0
    workspace.weight[:] = 0.0
    workspace.asked[:] = 0
    for node in range(workspace.asked.size):
        workspace.room_bytes[node] = free_kv_bytes(parameters, state, row, node)


@kernel
def _ask(batch: Array, bandwidth: Array, slots: int, workspace: Workspace) -> None:
    """Adds up, for each node, the weights and the number of the requests that are asked onto it."""
    for slot in range(slots):
        node = batch[slot] - 1
        if node >= 0:
            workspace.asked[node] += 1
            workspace.weight[node, UPLINK] += bandwidth[slot, UPLINK]
            workspace.weight[node, DOWNLINK] += bandwidth[slot, DOWNLINK]


@kernel
def admit(
    parameters: Parameters, state: State, row: int, batch: Array, bandwidth: Array, workspace: Workspace, result: Result
) -> None:
    """Radio and memory: decides slot by slot who joins, and adds up the claims of those.

    Whoever joins gets the outcome SERVED until the end of its batch is known. The workspace holds the shares of `need`, and
    claims whose KV caches are all that a request may come to hold on the node.
    """
    slots = shown(parameters, state, row)
    _open_nodes(parameters, state, row, workspace)
    _ask(batch, bandwidth, slots, workspace)
    for slot in range(slots):
        result.slot_request[row, slot] = state.queue[row, slot]
        node = batch[slot] - 1
        if node < 0:
            result.slot_outcome[row, slot] = WAITING
            continue
        why = refusal(
            _share(bandwidth[slot, UPLINK], workspace.weight[node, UPLINK], workspace.asked[node]),
            workspace.needed[slot, UPLINK],
            _share(bandwidth[slot, DOWNLINK], workspace.weight[node, DOWNLINK], workspace.asked[node]),
            workspace.needed[slot, DOWNLINK],
            workspace.claim[slot, KV],
            workspace.room_bytes[node] - workspace.load[node, KV],
        )
        result.metrics[row, ASKED] += 1
        if why != WAITING:
            result.slot_outcome[row, slot] = why
            result.metrics[row, REFUSED_COUNT[why]] += 1
            continue
        result.slot_outcome[row, slot] = SERVED
        add_cost(workspace.load, node, workspace.claim, slot)


@kernel
def admissible(parameters: Parameters, tape: Tape, state: State, row: int, mask: Array) -> None:
    """Fills mask [N, K + 1]: whether a slot's request, asked alone with the whole band, would not be refused."""
    mask[:, 0] = True
    mask[:, 1:] = False
    for node in range(mask.shape[1] - 1):
        room = free_kv_bytes(parameters, state, row, node)
        for slot in range(shown(parameters, state, row)):
            up, down = _shares(parameters, tape, state, row, slot, node)
            request, place = state.queue[row, slot], parameters.first_hosted[node]
            kv_bytes = claimed(parameters.cost_coefficients, place, KV, tape.demand[row], request)
            mask[slot, node + 1] = refusal(1.0, up, 1.0, down, kv_bytes, room) == WAITING


@kernel
def admissible_rows(parameters: Parameters, tape: Tape, state: State, mask: Array) -> None:
    """Fills mask [R, N, K + 1] for every row."""
    for row in range(mask.shape[0]):
        admissible(parameters, tape, state, row, mask[row])
