"""One moment of one environment of streaming dynamics as plain numbers and strings: all that a picture of it needs."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from edge_llm_gym.rendering.streaming.exits import ExitView, Flow, exit_views, flows_of, wires_of
from edge_llm_gym.rendering.streaming.history import Course, confidences_seen, course_of, traffic
from edge_llm_gym.rendering.view import Point
from edge_llm_gym.scenario.metrics import STREAMING_COLUMN
from edge_llm_gym.scenario.network import Network
from edge_llm_gym.sim.outcomes import BELOW_QUALITY, LATE, SERVED
from edge_llm_gym.sim.simulator import Simulator
from edge_llm_gym.sim.streaming.answers import (
    FIRST_EXIT,
)
from edge_llm_gym.sim.streaming.records import StreamingResult

TREND_EPOCHS: Final = 56
WORST: Final = ("", "served", "below_quality", "late")  # the worst last
BADNESS: Final = np.zeros(max(SERVED, BELOW_QUALITY, LATE) + 1, np.int64)
BADNESS[[SERVED, BELOW_QUALITY, LATE]] = 1, 2, 3


@dataclass(frozen=True)
class StreamNode:
    """A node, its stage counted from 1. Threshold, sent and utilisation are those of the last epoch."""

    name: str
    position_m: Point
    stage: int
    threshold: float | None
    """None before the first epoch."""
    sent: int
    """Requests that the action sent there."""
    utilisation: float
    open_visits: int
    """Requests in the network that the node has yet to finish."""
    committed_s: float
    """Time to come that they will take there."""
    speed: float
    """In the coming epoch, of the node's own: below 1 while it is slowed down."""


@dataclass(frozen=True)
class StreamDevice:
    """A user device and the worst outcome among its requests of the last epoch, "" where it sent none."""

    position_m: Point
    outcome: str


@dataclass(frozen=True)
class EpochSummary:
    """The requests that arrived in one epoch; delay and accuracy are 0 where nobody did."""

    arrived: int
    served: int
    late: int
    below_quality: int
    mean_delay_s: float
    accuracy: float


@dataclass(frozen=True)
class StreamLast:
    """What the last epoch did; its reward is None where the step's result is not at hand."""

    summary: EpochSummary
    reward: float | None
    utilisation: float
    flows: tuple[Flow, ...]


@dataclass(frozen=True)
class StreamTotals:
    """Sums since the reset; arrived = served + late + below_quality. Those in flight are among them: their answer is to come."""

    arrived: int
    served: int
    late: int
    below_quality: int
    in_flight: int
    mean_delay_s: float
    accuracy: float


@dataclass(frozen=True)
class StreamView:
    """One row at one decision time. `last` is None before the first epoch of an episode."""

    scenario: str
    epoch: int
    horizon: int
    time_s: float
    epoch_s: float
    area_m: Point
    nodes: tuple[StreamNode, ...]
    wires: tuple[tuple[int, int], ...]
    """From node to node."""
    devices: tuple[StreamDevice, ...]
    exits: tuple[ExitView, ...]
    trend: tuple[EpochSummary, ...]
    """The latest epochs, at most TREND_EPOCHS."""
    totals: StreamTotals
    last: StreamLast | None

    @property
    def settled(self) -> int:
        """Requests whose way the last epoch settled: those that arrived in it."""
        return self.last.summary.arrived if self.last is not None else 0

    @property
    def settled_in_all(self) -> int:
        """Requests that have arrived since the reset."""
        return self.totals.arrived


def stream_view_of(simulator: Simulator, row: int, result: StreamingResult | None) -> StreamView:
    """A row now. `result` is what the last step returned; it is needed for the last epoch's reward alone."""
    scenario, network = simulator.scenario, simulator.scenario.network
    epoch, course = int(simulator.state.epoch[row]), course_of(simulator, row)
    trend = tuple(_summary(course, index) for index in range(max(epoch - TREND_EPOCHS, 0), epoch))
    return StreamView(
        scenario=scenario.name,
        epoch=epoch,
        horizon=scenario.horizon_epochs,
        time_s=epoch * scenario.epoch_s,
        epoch_s=scenario.epoch_s,
        area_m=scenario.devices.area_m,
        nodes=_nodes(simulator, row, network),
        wires=wires_of(simulator),
        devices=_devices(simulator, row),
        exits=_exits(simulator, row, course),
        trend=trend,
        totals=_totals(simulator, row, epoch),
        last=_last_epoch(simulator, row, result, trend[-1]) if trend else None,
    )


def _summary(course: Course, epoch: int) -> EpochSummary:
    return EpochSummary(
        arrived=int(course.arrived[epoch]),
        **{name: int(counts[epoch]) for name, counts in course.outcomes.items()},
        mean_delay_s=float(course.mean_delay_s[epoch]),
        accuracy=float(course.accuracy[epoch]),
    )


def _nodes(simulator: Simulator, row: int, network: Network) -> tuple[StreamNode, ...]:
    state, speed = simulator.state, 1.0 / simulator.parameters.slowdown_factor[simulator.state.epoch[row]]
    return tuple(
        StreamNode(
            name=node.name,
            position_m=node.position_m,
            stage=int(network.stage[index]) + 1,
            threshold=float(state.threshold_last[row, index]) if state.epoch[row] else None,
            sent=int(state.sent_last[row, index]),
            utilisation=float(state.servers.busy_last_s[row, index]) / simulator.scenario.epoch_s,
            open_visits=int(state.open_visits[row, index]),
            committed_s=float(state.servers.committed_s[row, index]),
            speed=float(speed[index]),
        )
        for index, node in enumerate(simulator.scenario.nodes)
    )


def _of_last_epoch(simulator: Simulator, row: int) -> tuple[int, int]:
    """The first of the requests that arrived in the last epoch, and one past the last of them."""
    state = simulator.state
    return int(state.first_of_epoch[row, max(state.epoch[row] - 1, 0)]), int(state.next_arrival[row])


def _devices(simulator: Simulator, row: int) -> tuple[StreamDevice, ...]:
    first, end = _of_last_epoch(simulator, row)
    worst = np.zeros(simulator.scenario.devices.count, np.int64)
    np.maximum.at(
        worst, simulator.tape.requests.device[row, first:end], BADNESS[simulator.state.requests.outcome[row, first:end]]
    )
    places = simulator.tape.channels.device_m[row].tolist()
    return tuple(StreamDevice((x_m, y_m), WORST[code]) for (x_m, y_m), code in zip(places, worst, strict=True))


def _exits(simulator: Simulator, row: int, course: Course) -> tuple[ExitView, ...]:
    left = course.left[-1] if len(course.left) else np.zeros(course.left.shape[1], np.int64)
    left_in_all = simulator.state.totals[row, FIRST_EXIT:]
    return exit_views(simulator, row, left, left_in_all, confidences_seen(simulator, row))


def _totals(simulator: Simulator, row: int, epoch: int) -> StreamTotals:
    total = {name: float(simulator.state.totals[row, column]) for name, column in STREAMING_COLUMN.items()}
    arrived, now_s = round(total["arrived"]), epoch * simulator.scenario.epoch_s
    answered_s = simulator.tape.requests.arrival_s[row, :arrived] + simulator.state.requests.delay_s[row, :arrived]
    return StreamTotals(
        arrived=arrived,
        served=round(total["served"]),
        late=round(total["late"]),
        below_quality=round(total["below_quality"]),
        in_flight=int((answered_s > now_s).sum()),
        mean_delay_s=total["response_s"] / max(arrived, 1),
        accuracy=total["correct"] / max(arrived, 1),
    )


def _last_epoch(simulator: Simulator, row: int, result: StreamingResult | None, summary: EpochSummary) -> StreamLast:
    return StreamLast(
        summary=summary,
        reward=None if result is None else float(result.reward[row]),
        utilisation=float(simulator.state.servers.busy_last_s[row].mean()) / simulator.scenario.epoch_s,
        flows=flows_of(traffic(simulator, row, *_of_last_epoch(simulator, row))),
    )
