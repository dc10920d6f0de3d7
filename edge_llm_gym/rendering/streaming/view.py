"""One moment of streaming dynamics as plain numbers and strings: all that a picture of it needs."""

from dataclasses import dataclass
from typing import Final

from edge_llm_gym.rendering.exits import ExitView
from edge_llm_gym.rendering.links import Flow
from edge_llm_gym.rendering.moment import Moment, Point

TREND_EPOCHS: Final = 56


@dataclass(frozen=True)
class StreamingNode:
    """A node, its stage counted from 1. Threshold, sent and utilisation are those of the last epoch."""

    name: str
    position_m: Point
    stage: int
    threshold: float | None
    """None before the first epoch."""
    sent: int
    """Requests that the action sent to the node."""
    utilisation: float
    open_visits: int
    """Requests in the network that the node has yet to finish."""
    committed_s: float
    """Future service time of those requests on the node."""
    speed: float
    """In the coming epoch, relative to the node's own: below 1 while it is slowed down."""


@dataclass(frozen=True)
class StreamingDevice:
    """A user device and the worst outcome among its requests of the last epoch, "" where it sent none."""

    position_m: Point
    outcome: str


@dataclass(frozen=True)
class EpochSummary:
    """The requests that arrived in one epoch; delay and accuracy are 0 for an epoch without arrivals."""

    arrived: int
    served: int
    late: int
    below_quality: int
    mean_delay_s: float
    accuracy: float


@dataclass(frozen=True)
class StreamingLast:
    """What the last epoch did; its reward is None where the step's result is not available."""

    summary: EpochSummary
    reward: float | None
    utilisation: float
    node_energy_j: float
    flows: tuple[Flow, ...]


@dataclass(frozen=True)
class StreamingTotals:
    """Sums since the reset; arrived = served + late + below_quality, requests in flight included."""

    arrived: int
    served: int
    late: int
    below_quality: int
    in_flight: int
    """Arrived requests whose answer has not reached the device yet."""
    mean_delay_s: float
    accuracy: float


@dataclass(frozen=True)
class StreamingView(Moment):
    """One row at one decision time."""

    nodes: tuple[StreamingNode, ...]
    wires: tuple[tuple[int, int], ...]
    """From node to node."""
    devices: tuple[StreamingDevice, ...]
    exits: tuple[ExitView, ...]
    trend: tuple[EpochSummary, ...]
    """The latest epochs, at most TREND_EPOCHS."""
    totals: StreamingTotals
    last: StreamingLast | None
    """None before the first epoch of an episode."""

    @property
    def flows(self) -> tuple[Flow, ...]:
        """Links in use in the last epoch."""
        return self.last.flows if self.last is not None else ()

    @property
    def routed(self) -> int:
        """Requests whose route and exit the last epoch determined: those that arrived in it."""
        return self.last.summary.arrived if self.last is not None else 0

    @property
    def routed_total(self) -> int:
        """Requests that have arrived since the reset."""
        return self.totals.arrived
