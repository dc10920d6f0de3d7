"""The numbers that one epoch leaves behind, by name and column, for each admission."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

METRICS: Final[tuple[str, ...]] = (
    "arrived",  # requests that came in as the clock moved on
    "served",
    "late",
    "below_quality",
    "expired",
    "pending",  # level after the epoch, shown and unshown
    "hidden",  # of those, how many have no slot
    "requested",  # requests that the batch action put on some node
    "admitted",  # of those, how many were computed
    "refused_uplink",
    "refused_downlink",
    "refused_memory",
    "arrived_value",
    "served_value",
    "late_value",
    "below_quality_value",
    "expired_value",
    "delay_s",  # summed over the served
    "quality",  # summed over the served
    "utilisation",  # busy share of the epoch, mean over nodes
)
"""Of batching dynamics."""
COLUMN: Final[Mapping[str, int]] = MappingProxyType({name: column for column, name in enumerate(METRICS)})
FINAL_OUTCOMES: Final[tuple[str, ...]] = ("served", "late", "below_quality", "expired")

STREAMING_METRICS: Final[tuple[str, ...]] = (
    "arrived",  # requests that arrived during the epoch; what becomes of them is known at once
    "served",
    "late",
    "below_quality",
    "in_flight",  # level after the epoch: requests whose answer is still to come
    "arrived_value",
    "served_value",
    "late_value",
    "below_quality_value",
    "delay_s",  # summed over the served
    "quality",  # summed over the served
    "utilisation",  # busy share of the epoch, mean over nodes
    "response_s",  # response delay summed over the arrived
    "mean_delay_s",  # response_s / arrived, 0 where nobody arrived
    "correct",  # right answers, each weighted with the quality factor of its way
    "accuracy",  # correct / arrived, 0 where nobody arrived
)
"""Of streaming dynamics; behind them "exit_1", "exit_2", ... count who left after which block."""
STREAMING_COLUMN: Final[Mapping[str, int]] = MappingProxyType(
    {name: column for column, name in enumerate(STREAMING_METRICS)}
)

ROUTING_METRICS: Final[tuple[str, ...]] = (
    *METRICS,
    "forwarded",  # times that a request was sent on to the next stage
    "correct",  # right answers among the computed, each weighted with the quality factor of its way
)
"""Of batching-and-routing dynamics; behind them "exit_1", "exit_2", ... count the computed that left after each block."""
ROUTING_COLUMN: Final[Mapping[str, int]] = MappingProxyType(
    {name: column for column, name in enumerate(ROUTING_METRICS)}
)


def _epoch_metrics(blocks: int) -> tuple[str, ...]:
    return METRICS


def _stream_metrics(blocks: int) -> tuple[str, ...]:
    return (*STREAMING_METRICS, *_exits(blocks))


def _staged_metrics(blocks: int) -> tuple[str, ...]:
    return (*ROUTING_METRICS, *_exits(blocks))


def _exits(blocks: int) -> tuple[str, ...]:
    return tuple(f"exit_{block + 1}" for block in range(blocks))


METRIC_NAMES: Final[Mapping[str, Callable[[int], tuple[str, ...]]]] = MappingProxyType(
    {"batching": _epoch_metrics, "streaming": _stream_metrics, "batching_routing": _staged_metrics}
)
"""Admission -> metric names of a model in so many blocks."""

DEFAULT_REWARD: Final[Mapping[str, Mapping[str, float]]] = MappingProxyType(
    {
        "batching": {"served_value": 1.0},
        "streaming": {"mean_delay_s": -1.0, "accuracy": 1.0},
        "batching_routing": {"served_value": 1.0},
    }
)
"""Admission -> weights of the metrics that make the reward."""
