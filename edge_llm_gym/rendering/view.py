"""One moment of one environment as plain numbers and strings: all that a picture of it needs, and nothing live."""

from dataclasses import dataclass

import numpy as np

from edge_llm_gym.rendering.history import COMPUTED, Batch, batches
from edge_llm_gym.scenario.metrics import COLUMN
from edge_llm_gym.sim.outcomes import OUTCOME_NAMES
from edge_llm_gym.sim.pooled.admission import (
    free_kv_bytes,
)
from edge_llm_gym.sim.pooled.clock import (
    decision_time_s,
)
from edge_llm_gym.sim.pooled.records import PooledResult
from edge_llm_gym.sim.simulator import Simulator

Point = tuple[float, float]


@dataclass(frozen=True)
class NodeView:
    """A node. Its memory is what weights, KV caches and free room make of it when this epoch's uplink slot ends."""

    name: str
    hardware: str
    position_m: Point
    quality: float
    usable_bytes: float
    weight_bytes: float
    kv_bytes: float
    """Of unfinished batches, queued ones included."""
    free_bytes: float
    freed_bytes: float
    """The part of `free_bytes` that batches held in the last epoch."""
    free_at_s: float
    """When the last batch ends; in the past for an idle node."""
    batches: tuple[Batch, ...]
    """Those that ended in the last epoch, then the unfinished ones."""


@dataclass(frozen=True)
class DeviceView:
    """A user device and how many of its requests are pending, shown or not."""

    position_m: Point
    pending: int


@dataclass(frozen=True)
class SlotView:
    """A pending request and the slot, counted from 1, that shows it."""

    slot: int
    request: int
    device: int
    prompt_tokens: int
    output_tokens: int
    waited_s: float
    left_s: float
    accuracy: float
    value: float


@dataclass(frozen=True)
class SlotOutcome:
    """What the last epoch did with a request; node counted from 0 and latency only where it was computed."""

    slot: int
    request: int
    device: int
    outcome: str
    node: int | None
    latency_s: float | None


@dataclass(frozen=True)
class LastEpoch:
    """What the last epoch did."""

    reward: float
    arrived: int
    expired: int
    utilisation: float
    slots: tuple[SlotOutcome, ...]

    def count(self, outcome: str) -> int:
        """Slots with an outcome."""
        return sum(slot.outcome == outcome for slot in self.slots)


@dataclass(frozen=True)
class Totals:
    """Sums since the reset; arrived = served + late + below_quality + expired + pending."""

    arrived: int
    served: int
    late: int
    below_quality: int
    expired: int
    pending: int
    arrived_value: float
    served_value: float


@dataclass(frozen=True)
class EpochView:
    """One row at one decision time. `last` is None before the first epoch of an episode."""

    scenario: str
    epoch: int
    horizon: int
    time_s: float
    epoch_s: float
    uplink_slot_s: float
    area_m: Point
    nodes: tuple[NodeView, ...]
    devices: tuple[DeviceView, ...]
    queue: tuple[SlotView, ...]
    hidden: int
    totals: Totals
    last: LastEpoch | None


def view_of(simulator: Simulator, row: int, result: PooledResult | None) -> EpochView:
    """A row now. `result` is what the last step returned; at an episode's start it is ignored, for nothing preceded."""
    scenario, state = simulator.scenario, simulator.state
    epoch, queue_length = int(state.epoch[row]), int(state.queue.length[row])
    time_s = float(decision_time_s(simulator.scenario.epoch_s, epoch))
    return EpochView(
        scenario=scenario.name,
        epoch=epoch,
        horizon=scenario.horizon_epochs,
        time_s=time_s,
        epoch_s=scenario.epoch_s,
        uplink_slot_s=scenario.uplink_slot_s,
        area_m=scenario.devices.area_m,
        nodes=_nodes(simulator, row, time_s),
        devices=_devices(simulator, row),
        queue=tuple(_slot(simulator, row, slot, time_s) for slot in range(min(scenario.slots, queue_length))),
        hidden=max(queue_length - scenario.slots, 0),
        totals=_totals(simulator, row),
        last=None if result is None or epoch == 0 else _last_epoch(simulator, row, result),
    )


def _nodes(simulator: Simulator, row: int, time_s: float) -> tuple[NodeView, ...]:
    last_decision_s = time_s - simulator.scenario.epoch_s
    recent = batches(simulator, row, after_s=last_decision_s)
    last_uplink_ends_s = last_decision_s + simulator.scenario.uplink_slot_s
    held_bytes = [sum(batch.kv_bytes for batch in node if batch.end_s > last_uplink_ends_s) for node in recent]
    return tuple(_node(simulator, row, node, recent[node], held_bytes[node]) for node in range(simulator.nodes))


def _node(simulator: Simulator, row: int, index: int, recent: tuple[Batch, ...], held_bytes: float) -> NodeView:
    node, parameters = simulator.scenario.nodes[index], simulator.parameters
    room_bytes = float(parameters.kv_capacity_bytes[index])
    epoch, capacity_bytes = int(simulator.state.epoch[row]), parameters.kv_capacity_bytes
    at_s = decision_time_s(parameters.epoch_s, epoch) + parameters.radio.uplink_slot_s
    free_bytes = max(float(free_kv_bytes(capacity_bytes, simulator.state.batches, row, index, epoch, at_s)), 0.0)
    usable_bytes = node.device().memory_bytes * node.memory_fraction
    return NodeView(
        name=node.name,
        hardware=node.hardware if node.count == 1 else node.device().name,
        position_m=node.position_m,
        quality=float(parameters.quality[index]),
        usable_bytes=usable_bytes,
        weight_bytes=usable_bytes - room_bytes,
        kv_bytes=room_bytes - free_bytes,
        free_bytes=free_bytes,
        freed_bytes=max(held_bytes - (room_bytes - free_bytes), 0.0),
        free_at_s=float(simulator.state.node_free_s[row, index]),
        batches=recent,
    )


def _devices(simulator: Simulator, row: int) -> tuple[DeviceView, ...]:
    tape, state = simulator.tape, simulator.state
    waiting = state.queue.request[row, : state.queue.length[row]]
    pending = np.bincount(tape.requests.device[row, waiting], minlength=simulator.scenario.devices.count)
    return tuple(
        DeviceView((float(x_m), float(y_m)), int(count))
        for (x_m, y_m), count in zip(tape.channels.device_m[row], pending, strict=True)
    )


def _slot(simulator: Simulator, row: int, slot: int, time_s: float) -> SlotView:
    tape, request = simulator.tape, int(simulator.state.queue.request[row, slot])
    return SlotView(
        slot=slot + 1,
        request=request,
        device=int(tape.requests.device[row, request]),
        prompt_tokens=int(tape.requests.prompt_tokens[row, request]),
        output_tokens=int(tape.requests.output_tokens[row, request]),
        waited_s=time_s - float(tape.requests.arrival_s[row, request]),
        left_s=float(tape.requests.deadline_s[row, request]) - time_s,
        accuracy=float(tape.requests.quality_demand[row, request]),
        value=float(tape.requests.value[row, request]),
    )


def _totals(simulator: Simulator, row: int) -> Totals:
    total = {name: float(simulator.state.totals[row, column]) for name, column in COLUMN.items()}
    return Totals(
        arrived=round(total["arrived"]),
        served=round(total["served"]),
        late=round(total["late"]),
        below_quality=round(total["below_quality"]),
        expired=round(total["expired"]),
        pending=int(simulator.state.queue.length[row]),
        arrived_value=total["arrived_value"],
        served_value=total["served_value"],
    )


def _last_epoch(simulator: Simulator, row: int, result: PooledResult) -> LastEpoch:
    metrics = result.metrics[row]
    return LastEpoch(
        reward=float(result.reward[row]),
        arrived=round(metrics[COLUMN["arrived"]]),
        expired=round(metrics[COLUMN["expired"]]),
        utilisation=float(metrics[COLUMN["utilisation"]]),
        slots=tuple(
            _slot_outcome(simulator, row, result, int(slot)) for slot in np.flatnonzero(result.slot_request[row] >= 0)
        ),
    )


def _slot_outcome(simulator: Simulator, row: int, result: PooledResult, slot: int) -> SlotOutcome:
    request, outcome = int(result.slot_request[row, slot]), result.slot_outcome[row, slot]
    computed = outcome in COMPUTED
    return SlotOutcome(
        slot=slot + 1,
        request=request,
        device=int(simulator.tape.requests.device[row, request]),
        outcome=OUTCOME_NAMES[outcome],
        node=int(simulator.state.requests.node[..., 0][row, request]) - 1 if computed else None,
        latency_s=float(result.slot_latency_s[row, slot]) if computed else None,
    )
