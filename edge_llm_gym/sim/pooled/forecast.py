"""The admitted requests of an epoch if output lengths are predicted: expected times, evictions, answers on the radio.

Times of batches, KV caches in use and answers rest on the true lengths, reservations and expectations on the predicted
ones. `predictions` and `forecast` are None if lengths are known; numba compiles nothing of them then.
"""

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel
from edge_llm_gym.sim.columns import DOWNLINK, KV, SHARED, WORK
from edge_llm_gym.sim.cost_kernels import write_cost
from edge_llm_gym.sim.pooled.admission import band_share
from edge_llm_gym.sim.pooled.expectations import held_bytes
from edge_llm_gym.sim.pooled.records import BatchLog, Forecast, PredictionLog, Workspace
from edge_llm_gym.sim.records import RequestTape


@kernel
def expect_cost(
    coefficients: Array,
    hosted: int,
    predicted_drivers: Array,
    request: int,
    cost: Array,
    forecast: Forecast | None,
    slot: int,
) -> None:
    """Costs of the predicted length beside the true ones in cost [N, 3], whose KV becomes the reservation."""
    if forecast is not None:
        write_cost(coefficients, hosted, predicted_drivers, request, forecast.cost, slot)
        forecast.kv_bytes[slot] = cost[slot, KV]
        cost[slot, KV] = forecast.cost[slot, KV]


@kernel
def begin_forecast(
    capacity_bytes: Array,
    batches: BatchLog,
    predictions: PredictionLog | None,
    row: int,
    epoch: int,
    at_s: float,
    entry_nodes: int,
    forecast: Forecast | None,
) -> None:
    """No evictions yet, and the memory that is truly free on each node; deep nodes count no earlier batches."""
    if predictions is not None and forecast is not None:
        forecast.evicted[:] = False
        for node in range(capacity_bytes.size):
            forecast.free_bytes[node] = capacity_bytes[node]
            if node < entry_nodes:
                forecast.free_bytes[node] -= held_bytes(predictions.used_bytes, batches, row, node, epoch, at_s)


@kernel
def write_answer_times(
    requests: RequestTape,
    queue: Array,
    row: int,
    downlink_slot_s: float,
    bandwidth: Array,
    slots: Array,
    workspace: Workspace,
    forecast: Forecast | None,
) -> None:
    """Transmission time of the answers of admitted requests; bandwidth [N, 2] is the action of the row.

    It is the downlink slot, and longer in proportion where the answer has more bits than the share of the band carries.
    """
    if forecast is not None:
        for slot in slots:
            node, request = workspace.current_node[slot], queue[slot]
            weight, requested = workspace.weight[node, DOWNLINK], workspace.requested[node]
            share = band_share(bandwidth[slot, DOWNLINK], weight, requested)
            reserved_bits, minimum = requests.bits[row, request, DOWNLINK], workspace.minimum_share[slot, DOWNLINK]
            stretch = 1.0
            if reserved_bits > 0.0 and share > 0.0:
                stretch = requests.answer_bits[row, request] / reserved_bits * minimum / share
            forecast.answer_s[slot] = downlink_slot_s * max(stretch, 1.0)


@kernel
def answer_s(forecast: Forecast | None, downlink_slot_s: float, slot: int) -> float:
    """Transmission time of the answer of a slot's request."""
    if forecast is not None:
        return forecast.answer_s[slot]
    return downlink_slot_s


@kernel
def expect_arrival(slot: int, wired_s: float, forecast: Forecast | None) -> None:
    """When a forwarded request is expected to reach the next node."""
    if forecast is not None:
        forecast.reach_s[slot] = forecast.end_s[slot] + wired_s


@kernel
def expect_ready(predictions: PredictionLog | None, row: int, node: int, epoch: int, ready_s: float) -> None:
    """When the batch of an entry node can start: at the end of the uplink slot."""
    if predictions is not None:
        predictions.ready_s[row, node, epoch] = ready_s


@kernel
def expect_deep_ready(
    predictions: PredictionLog | None,
    row: int,
    node: int,
    epoch: int,
    slots: Array,
    current_node: Array,
    forecast: Forecast | None,
) -> None:
    """When the batch of a deep node can start: once the last of its requests is expected to have arrived."""
    if predictions is not None and forecast is not None:
        ready_s = 0.0
        for slot in slots:
            if current_node[slot] == node:
                ready_s = max(ready_s, forecast.reach_s[slot])
        predictions.ready_s[row, node, epoch] = ready_s


@kernel
def expect_batch(
    predictions: PredictionLog | None,
    row: int,
    node: int,
    epoch: int,
    slots: Array,
    current_node: Array,
    forecast: Forecast | None,
) -> None:
    """Expected times of the batch of the requests of `slots` on a node, and which of them are evicted.

    The true caches of the batch are added up in the order of admission. From the first one on that exceeds the free
    memory, all are evicted: their answers are lost. Times do not change, since the memory overflows at the end of the
    decoding.
    """
    if predictions is not None and forecast is not None:
        work_s, shared_s, used, kept = 0.0, 0.0, 0.0, 0.0
        for slot in slots:
            if current_node[slot] == node:
                work_s += forecast.cost[slot, WORK]
                shared_s = max(shared_s, forecast.cost[slot, SHARED])
                used += forecast.kv_bytes[slot]
                if used > forecast.free_bytes[node]:
                    forecast.evicted[slot] = True
                else:
                    kept = used
        end_s = max(predictions.ready_s[row, node, epoch], predictions.node_free_s[row, node]) + work_s + shared_s
        predictions.duration_s[row, node, epoch] += work_s + shared_s
        predictions.used_bytes[row, node, epoch] += kept
        predictions.node_free_s[row, node] = end_s
        for slot in slots:
            if current_node[slot] == node:
                forecast.end_s[slot] = end_s


@kernel
def is_evicted(forecast: Forecast | None, slot: int) -> bool:
    """Whether the request of an admitted slot was evicted on any node."""
    if forecast is not None:
        return forecast.evicted[slot]
    return False


@kernel
def log_eviction(slot_evicted: Array | None, row: int, slot: int) -> None:
    """Marks the request of a slot as evicted in the result of the step."""
    if slot_evicted is not None:
        slot_evicted[row, slot] = True
