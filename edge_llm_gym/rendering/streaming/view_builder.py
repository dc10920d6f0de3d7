"""Builds the view of one row of streaming dynamics from its tape and state and the result of its last step."""

from typing import Final

import numpy as np

from edge_llm_gym.rendering.exits import ExitView, exit_views
from edge_llm_gym.rendering.links import flows_of, wires_of
from edge_llm_gym.rendering.moment import moment_of
from edge_llm_gym.rendering.outcomes import COMPUTED
from edge_llm_gym.rendering.streaming.history import (
    EpochSeries,
    arrivals_of_last_epoch,
    epoch_series,
    recent_confidences,
    traffic,
)
from edge_llm_gym.rendering.streaming.view import (
    TREND_EPOCHS,
    EpochSummary,
    StreamingDevice,
    StreamingLast,
    StreamingNode,
    StreamingTotals,
    StreamingView,
)
from edge_llm_gym.scenario.metrics import STREAMING_COLUMN
from edge_llm_gym.sim.energy import node_energy_j
from edge_llm_gym.sim.exits import mean_accuracy
from edge_llm_gym.sim.simulator import Simulator
from edge_llm_gym.sim.streaming.answers import FIRST_EXIT
from edge_llm_gym.sim.streaming.records import StreamingResult

RANKED: Final = ("", "served", "below_quality", "late")
"""Outcomes shown of a device, from the best to the worst."""
RANK: Final = np.zeros(max(COMPUTED.values()) + 1, np.int64)
"""Outcome code -> index in RANKED."""
RANK[[COMPUTED[name] for name in RANKED[1:]]] = np.arange(1, len(RANKED))


def streaming_view(simulator: Simulator, row: int, result: StreamingResult | None) -> StreamingView:
    """A row now. `result` is what the last step returned; only the last epoch's reward is read from it."""
    epoch, series = int(simulator.state.epoch[row]), epoch_series(simulator, row)
    trend = tuple(_summary(series, index) for index in range(max(epoch - TREND_EPOCHS, 0), epoch))
    time_s = epoch * simulator.scenario.epoch_s
    return StreamingView(
        **vars(moment_of(simulator, row, time_s)),
        nodes=_nodes(simulator, row),
        wires=wires_of(simulator),
        devices=_devices(simulator, row),
        exits=_exits(simulator, row, series),
        trend=trend,
        totals=_totals(simulator, row, time_s),
        last=_last_epoch(simulator, row, result, trend[-1]) if trend else None,
    )


def _summary(series: EpochSeries, epoch: int) -> EpochSummary:
    return EpochSummary(
        arrived=int(series.arrived[epoch]),
        **{name: int(counts[epoch]) for name, counts in series.outcomes.items()},
        mean_delay_s=float(series.mean_delay_s[epoch]),
        accuracy=float(series.accuracy[epoch]),
    )


def _nodes(simulator: Simulator, row: int) -> tuple[StreamingNode, ...]:
    scenario, state, parameters = simulator.scenario, simulator.state, simulator.parameters
    stage, speed = scenario.network.stage, 1.0 / parameters.slowdown_factor[state.epoch[row]]
    return tuple(
        StreamingNode(
            name=node.name,
            position_m=node.position_m,
            stage=int(stage[index]) + 1,
            threshold=float(state.threshold_last[row, index]) if state.epoch[row] else None,
            sent=int(state.sent_last[row, index]),
            utilisation=float(state.servers.busy_last_s[row, index]) / scenario.epoch_s,
            open_visits=int(state.open_visits[row, index]),
            committed_s=float(state.servers.committed_s[row, index]),
            speed=float(speed[index]),
        )
        for index, node in enumerate(scenario.nodes)
    )


def _devices(simulator: Simulator, row: int) -> tuple[StreamingDevice, ...]:
    tape, state = simulator.tape, simulator.state
    first, end = arrivals_of_last_epoch(simulator, row)
    worst = np.zeros(simulator.scenario.devices.count, np.int64)
    np.maximum.at(worst, tape.requests.device[row, first:end], RANK[state.requests.outcome[row, first:end]])
    positions = tape.channels.device_m[row].tolist()
    return tuple(StreamingDevice((x_m, y_m), RANKED[rank]) for (x_m, y_m), rank in zip(positions, worst, strict=True))


def _exits(simulator: Simulator, row: int, series: EpochSeries) -> tuple[ExitView, ...]:
    state = simulator.state
    left = series.left[-1] if len(series.left) else np.zeros(series.left.shape[1], np.int64)
    return exit_views(simulator, row, left, state.totals[row, FIRST_EXIT:], recent_confidences(simulator, row))


def _totals(simulator: Simulator, row: int, now_s: float) -> StreamingTotals:
    tape, state = simulator.tape, simulator.state
    total = {name: float(state.totals[row, column]) for name, column in STREAMING_COLUMN.items()}
    arrived, full_accuracy = round(total["arrived"]), simulator.parameters.exits.full_accuracy
    answered_s = tape.requests.arrival_s[row, :arrived] + state.requests.delay_s[row, :arrived]
    return StreamingTotals(
        arrived=arrived,
        served=round(total["served"]),
        late=round(total["late"]),
        below_quality=round(total["below_quality"]),
        in_flight=int((answered_s > now_s).sum()),
        mean_delay_s=total["response_s"] / max(arrived, 1),
        accuracy=mean_accuracy(total["correct"], total["full_correct"], arrived, full_accuracy) if arrived else 0.0,
    )


def _last_epoch(simulator: Simulator, row: int, result: StreamingResult | None, summary: EpochSummary) -> StreamingLast:
    busy_s, epoch_s = simulator.state.servers.busy_last_s[row], simulator.scenario.epoch_s
    return StreamingLast(
        summary=summary,
        reward=None if result is None else float(result.reward[row]),
        utilisation=float(busy_s.mean()) / epoch_s,
        node_energy_j=float(node_energy_j(simulator.parameters.power, busy_s, epoch_s)),
        flows=flows_of(traffic(simulator, row, *arrivals_of_last_epoch(simulator, row))),
    )
