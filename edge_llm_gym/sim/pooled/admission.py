"""Admission control: radio and memory checks of the requests that an action puts on entry nodes.

A request needs the share rho_min = bits / (slot * B * SE) of a node's band, up and down, and memory for its KV cache
beside those of unfinished batches (section 3 of the system model).
"""

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel
from edge_llm_gym.models.channel import minimum_share
from edge_llm_gym.scenario.metrics import COLUMN
from edge_llm_gym.sim.columns import DOWNLINK, KV, UPLINK
from edge_llm_gym.sim.cost_kernels import add_cost, cost_of
from edge_llm_gym.sim.outcomes import OUTCOME_NAMES, REFUSED_DOWNLINK, REFUSED_MEMORY, REFUSED_UPLINK, SERVED, WAITING
from edge_llm_gym.sim.pooled.clock import decision_time_s, visible_count
from edge_llm_gym.sim.pooled.expectations import held_bytes
from edge_llm_gym.sim.pooled.records import (
    BatchLog,
    PooledParameters,
    PooledState,
    PooledTape,
    PredictionLog,
    QueueState,
    RadioConstants,
    Workspace,
)
from edge_llm_gym.sim.records import RequestTape

SHARE_TOLERANCE = 1e-9
"""Relative: shares that add up to one must survive their normalisation."""

REQUESTED = COLUMN["requested"]
REFUSED_COUNT = np.zeros(len(OUTCOME_NAMES), np.int64)
REFUSED_COUNT[[REFUSED_UPLINK, REFUSED_DOWNLINK, REFUSED_MEMORY]] = (
    COLUMN["refused_uplink"],
    COLUMN["refused_downlink"],
    COLUMN["refused_memory"],
)


@kernel
def free_kv_bytes(capacity_bytes: Array, batches: BatchLog, row: int, node: int, epoch: int, at_s: float) -> float:
    """Memory for new KV caches on a node at `at_s`, the end of the epoch's uplink slot.

    The caches of earlier epochs' batches that are unfinished then are held, those of waiting batches included. On a
    deep node, where batches of an epoch may wait for one another, the result may be negative.
    """
    return capacity_bytes[node] - held_bytes(batches.kv_bytes, batches, row, node, epoch, at_s)


@kernel
def reservable_bytes(
    capacity_bytes: Array,
    batches: BatchLog,
    predictions: PredictionLog | None,
    row: int,
    node: int,
    epoch: int,
    at_s: float,
) -> float:
    """Memory that is free for new KV caches, as far as it is known at the decision time."""
    if predictions is not None:
        return capacity_bytes[node] - predictions.held_bytes[row, node]
    return free_kv_bytes(capacity_bytes, batches, row, node, epoch, at_s)


@kernel
def refusal(
    uplink_share: float,
    uplink_minimum: float,
    downlink_share: float,
    downlink_minimum: float,
    kv_bytes: float,
    free_bytes: float,
) -> int:
    """The outcome code of the first check that fails for a request; WAITING if none fails."""
    if uplink_share * (1.0 + SHARE_TOLERANCE) < uplink_minimum:
        return REFUSED_UPLINK
    if downlink_share * (1.0 + SHARE_TOLERANCE) < downlink_minimum:
        return REFUSED_DOWNLINK
    if kv_bytes > free_bytes:
        return REFUSED_MEMORY
    return WAITING


@kernel
def _minimum_shares(
    radio: RadioConstants, requests: RequestTape, efficiency: Array, row: int, request: int, node: int
) -> tuple[float, float]:
    """Minimum shares, up and down, of a request on a node; efficiency [D, K1, 2] is that of the epoch."""
    device, band_hz = requests.device[row, request], radio.bandwidth_hz
    up_bits = radio.uplink_slot_s * band_hz[node, UPLINK] * efficiency[device, node, UPLINK]
    down_bits = radio.downlink_slot_s * band_hz[node, DOWNLINK] * efficiency[device, node, DOWNLINK]
    up_share = minimum_share(requests.bits[row, request, UPLINK], up_bits)
    return up_share, minimum_share(requests.bits[row, request, DOWNLINK], down_bits)


@kernel
def compute_minimum_shares(
    radio: RadioConstants,
    requests: RequestTape,
    efficiency: Array,
    queue: Array,
    row: int,
    batch: Array,
    visible: int,
    shares: Array,
) -> None:
    """Writes the minimum shares [N, 2] of the visible requests of a queue on the nodes that the action puts them on.

    A pass of its own, without a branch for requests that wait: its loads lie far apart in memory, and so they overlap.
    """
    for slot in range(visible):
        up, down = _minimum_shares(radio, requests, efficiency, row, queue[slot], max(batch[slot] - 1, 0))
        shares[slot, UPLINK], shares[slot, DOWNLINK] = up, down


@kernel
def write_free_memory(
    capacity_bytes: Array,
    batches: BatchLog,
    predictions: PredictionLog | None,
    row: int,
    epoch: int,
    at_s: float,
    free_bytes: Array,
) -> None:
    """Writes the memory [K] that is free for new KV caches at `at_s`, the end of the epoch's uplink slot, as known."""
    for node in range(capacity_bytes.size):
        free_bytes[node] = reservable_bytes(capacity_bytes, batches, predictions, row, node, epoch, at_s)


@kernel
def _clear_nodes(workspace: Workspace) -> None:
    """Prepares the workspace for an epoch: no request for any node and no load."""
    workspace.load[:] = 0.0
    workspace.weight[:] = 0.0
    workspace.requested[:] = 0


@kernel
def _sum_weights(batch: Array, bandwidth: Array, visible: int, weight: Array, requested: Array) -> None:
    """Adds up, for each node, the weights [K, 2] and the number [K] of the requests that the action puts on it."""
    for slot in range(visible):
        node = batch[slot] - 1
        if node >= 0:
            requested[node] += 1
            weight[node, UPLINK] += bandwidth[slot, UPLINK]
            weight[node, DOWNLINK] += bandwidth[slot, DOWNLINK]


@kernel
def band_share(weight: float, total: float, requested: int) -> float:
    """The share of a band of a weight among weights of this sum and number."""
    return weight / total if total > 0.0 else 1.0 / requested


@kernel
def _check(slot: int, node: int, bandwidth: Array, workspace: Workspace) -> int:
    """The refusal of a slot's request on a node beside the requests admitted so far, or WAITING."""
    weight, requested = workspace.weight, workspace.requested[node]
    return refusal(
        band_share(bandwidth[slot, UPLINK], weight[node, UPLINK], requested),
        workspace.minimum_share[slot, UPLINK],
        band_share(bandwidth[slot, DOWNLINK], weight[node, DOWNLINK], requested),
        workspace.minimum_share[slot, DOWNLINK],
        workspace.cost[slot, KV],
        workspace.free_kv_bytes[node] - workspace.load[node, KV],
    )


@kernel
def admit(batch: Array, bandwidth: Array, visible: int, workspace: Workspace, outcome: Array, metrics: Array) -> int:
    """Admits requests slot by slot and adds up the load of each node. Returns the number of admitted requests.

    batch [N] and bandwidth [N, 2] are the action of the row. Writes outcome [N]: an admitted request has the outcome
    SERVED until the end of its computation is known. The workspace holds the free memory of the nodes, minimum shares,
    and costs whose KV caches are what a request reserves on the node: of all hosted blocks and of the predicted length.
    """
    admitted = 0
    _clear_nodes(workspace)
    _sum_weights(batch, bandwidth, visible, workspace.weight, workspace.requested)
    for slot in range(visible):
        node = batch[slot] - 1
        if node < 0:
            outcome[slot] = WAITING
            continue
        refused = _check(slot, node, bandwidth, workspace)
        metrics[REQUESTED] += 1
        if refused != WAITING:
            outcome[slot] = refused
            metrics[REFUSED_COUNT[refused]] += 1
            continue
        outcome[slot] = SERVED
        add_cost(workspace.load, node, workspace.cost, slot)
        workspace.admitted_slots[admitted], workspace.current_node[slot] = slot, node
        admitted += 1
    return admitted


@kernel
def clear_mask(mask: Array) -> None:
    """Writes a mask [R, N, K1 + 1] in which every request may wait and none may join a node."""
    mask[:, :, 0] = True
    mask[:, :, 1:] = False


@kernel
def mask_node(
    parameters: PooledParameters,
    tape: PooledTape,
    queue: QueueState,
    row: int,
    epoch: int,
    node: int,
    free_bytes: float,
    mask: Array,
) -> None:
    """Fills one node's entries of a row of a mask, given the memory that is free for new KV caches."""
    efficiency, hosted = tape.channels.spectral_efficiency[row, epoch], parameters.network.first_hosted[node]
    for slot in range(visible_count(parameters.slots, queue, row)):
        request = queue.request[row, slot]
        up, down = _minimum_shares(parameters.radio, tape.requests, efficiency, row, request, node)
        kv_bytes = cost_of(parameters.cost_coefficients, hosted, KV, tape.predicted_drivers[row], request)
        mask[row, slot, node + 1] = refusal(1.0, up, 1.0, down, kv_bytes, free_bytes) == WAITING


@kernel
def admissible_rows(parameters: PooledParameters, tape: PooledTape, state: PooledState, mask: Array) -> None:
    """Fills mask [R, N, K1 + 1]: whether a slot's request, alone on a node with the whole band, would be admitted."""
    clear_mask(mask)
    capacity_bytes, batches, predictions = parameters.kv_capacity_bytes, state.batches, state.predictions
    for row in range(mask.shape[0]):
        epoch = state.epoch[row]
        at_s = decision_time_s(parameters.epoch_s, epoch) + parameters.radio.uplink_slot_s
        for node in range(mask.shape[2] - 1):
            free_bytes = reservable_bytes(capacity_bytes, batches, predictions, row, node, epoch, at_s)
            mask_node(parameters, tape, state.queue, row, epoch, node, free_bytes, mask)
