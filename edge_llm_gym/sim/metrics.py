"""The numbers that one epoch leaves behind, by name and column, for each admission."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

METRICS: Final[tuple[str, ...]] = (
    "arrived",  # requests that came in as the clock moved on
    "served",
    "late",
    "poor",
    "expired",
    "pending",  # level after the epoch, shown and unshown
    "unseen",  # of those, how many have no slot
    "asked",  # requests that the batch action put on some node
    "admitted",  # of those, how many were computed
    "refused_uplink",
    "refused_downlink",
    "refused_memory",
    "arrived_value",
    "served_value",
    "late_value",
    "poor_value",
    "expired_value",
    "delay_s",  # summed over the served
    "quality",  # summed over the served
    "utilisation",  # busy share of the epoch, mean over nodes
)
"""Of epoch admission."""
COLUMN: Final[Mapping[str, int]] = MappingProxyType({name: column for column, name in enumerate(METRICS)})
FINAL_OUTCOMES: Final[tuple[str, ...]] = ("served", "late", "poor", "expired")

STREAM_METRICS: Final[tuple[str, ...]] = (
    "arrived",  # requests that arrived during the epoch; what becomes of them is known at once
    "served",
    "late",
    "poor",
    "in_flight",  # level after the epoch: requests whose answer is still to come
    "arrived_value",
    "served_value",
    "late_value",
    "poor_value",
    "delay_s",  # summed over the served
    "quality",  # summed over the served
    "utilisation",  # busy share of the epoch, mean over nodes
    "response_s",  # response delay summed over the arrived
    "mean_delay_s",  # response_s / arrived, 0 where nobody arrived
    "correct",  # right answers, each weighted with the quality factor of its way
    "accuracy",  # correct / arrived, 0 where nobody arrived
)
"""Of stream admission; behind them "exit_1", "exit_2", ... count who left after which block."""
STREAM_COLUMN: Final[Mapping[str, int]] = MappingProxyType({name: column for column, name in enumerate(STREAM_METRICS)})

STAGED_METRICS: Final[tuple[str, ...]] = (
    *METRICS,
    "forwarded",  # times that a request was sent on to the next stage
    "correct",  # right answers among the computed, each weighted with the quality factor of its way
)
"""Of staged admission; behind them "exit_1", "exit_2", ... count the computed that left after each block."""
STAGED_COLUMN: Final[Mapping[str, int]] = MappingProxyType({name: column for column, name in enumerate(STAGED_METRICS)})


def _epoch_metrics(blocks: int) -> tuple[str, ...]:
    return METRICS


def _stream_metrics(blocks: int) -> tuple[str, ...]:
    return (*STREAM_METRICS, *_exits(blocks))


def _staged_metrics(blocks: int) -> tuple[str, ...]:
    return (*STAGED_METRICS, *_exits(blocks))


def _exits(blocks: int) -> tuple[str, ...]:
    return tuple(f"exit_{block + 1}" for block in range(blocks))


METRIC_NAMES: Final[Mapping[str, Callable[[int], tuple[str, ...]]]] = MappingProxyType(
    {"epoch": _epoch_metrics, "stream": _stream_metrics, "staged": _staged_metrics}
)
"""Admission -> metric names of a model in so many blocks."""

DEFAULT_REWARD: Final[Mapping[str, Mapping[str, float]]] = MappingProxyType(
    {
        "epoch": {"served_value": 1.0},
        "stream": {"mean_delay_s": -1.0, "accuracy": 1.0},
        "staged": {"served_value": 1.0},
    }
)
"""Admission -> weights of the metrics that make the reward."""
