"""Builds the view of one row of batching dynamics from its tape and state and the result of its last step."""

from collections.abc import Callable
from typing import Any

import numpy as np

from edge_llm_gym.rendering.batching.node_views import node_views
from edge_llm_gym.rendering.batching.starts import decision_times_s
from edge_llm_gym.rendering.batching.view import BatchingView, DeviceView, LastEpoch, SlotOutcome, SlotView, Totals
from edge_llm_gym.rendering.moment import moment_of
from edge_llm_gym.rendering.outcomes import ADMITTED, COMPUTED
from edge_llm_gym.scenario.metrics import COLUMN
from edge_llm_gym.sim.outcomes import OUTCOME_NAMES
from edge_llm_gym.sim.pooled.records import PooledResult
from edge_llm_gym.sim.simulator import Simulator


def batching_view(simulator: Simulator, row: int, result: PooledResult | None) -> BatchingView:
    """A row now. `result` is what the last step returned; before the first epoch of an episode it is ignored."""
    return pooled_view(simulator, row, result, node_views)


def pooled_view(
    simulator: Simulator, row: int, result: PooledResult | None, nodes: Callable[[Simulator, int, float], Any]
) -> BatchingView:
    """The same with the views of the nodes from a function of simulator, row and decision time in s."""
    state, slots = simulator.state, simulator.scenario.slots
    epoch, queue_length = int(state.epoch[row]), int(state.queue.length[row])
    time_s = float(decision_times_s(simulator, row)[-1])
    return BatchingView(
        **vars(moment_of(simulator, row, time_s)),
        nodes=nodes(simulator, row, time_s),
        devices=_devices(simulator, row),
        queue=tuple(_slot(simulator, row, slot, time_s) for slot in range(min(slots, queue_length))),
        hidden=max(queue_length - slots, 0),
        totals=_totals(simulator, row),
        last=None if result is None or epoch == 0 else _last_epoch(simulator, row, result),
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
    tape, state = simulator.tape, simulator.state
    request = int(state.queue.request[row, slot])
    return SlotView(
        slot=slot + 1,
        request=request,
        device=int(tape.requests.device[row, request]),
        prompt_tokens=int(tape.requests.prompt_tokens[row, request]),
        output_tokens=int(tape.requests.predicted_tokens[row, request]),
        waited_s=time_s - float(tape.requests.arrival_s[row, request]),
        left_s=float(tape.requests.deadline_s[row, request]) - time_s,
        accuracy=float(tape.requests.quality_demand[row, request]),
        value=float(tape.requests.value[row, request]),
    )


def _totals(simulator: Simulator, row: int) -> Totals:
    state = simulator.state
    total = {name: float(state.totals[row, column]) for name, column in COLUMN.items()}
    return Totals(
        arrived=round(total["arrived"]),
        served=round(total["served"]),
        late=round(total["late"]),
        below_quality=round(total["below_quality"]),
        expired=round(total["expired"]),
        pending=int(state.queue.length[row]),
        arrived_value=total["arrived_value"],
        served_value=total["served_value"],
    )


def _last_epoch(simulator: Simulator, row: int, result: PooledResult) -> LastEpoch:
    metrics = result.metrics[row]
    filled = np.flatnonzero(result.slot_request[row] >= 0)
    return LastEpoch(
        reward=float(result.reward[row]),
        arrived=round(metrics[COLUMN["arrived"]]),
        expired=round(metrics[COLUMN["expired"]]),
        utilisation=float(metrics[COLUMN["utilisation"]]),
        node_energy_j=float(metrics[COLUMN["node_energy_j"]]),
        slots=tuple(_slot_outcome(simulator, row, result, int(slot)) for slot in filled),
    )


def _slot_outcome(simulator: Simulator, row: int, result: PooledResult, slot: int) -> SlotOutcome:
    tape, state = simulator.tape, simulator.state
    request, outcome = int(result.slot_request[row, slot]), OUTCOME_NAMES[result.slot_outcome[row, slot]]
    return SlotOutcome(
        slot=slot + 1,
        request=request,
        device=int(tape.requests.device[row, request]),
        outcome=outcome,
        node=int(state.requests.node[row, request, 0]) - 1 if outcome in ADMITTED else None,
        latency_s=float(result.slot_latency_s[row, slot]) if outcome in COMPUTED else None,
    )
