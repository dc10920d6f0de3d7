"""The metrics of an epoch for each kind of dynamics: names, columns, descriptions and the default reward.

`METRICS`, `CONTINUOUS_METRICS`, `STREAMING_METRICS` and `ROUTING_METRICS` fix the order of the columns. In dynamics
with early exits the columns `exit_1`, `exit_2`, ... follow, one per block of the model. Counts are numbers of requests.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

BATCHING_DESCRIPTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "arrived": "requests that arrived between this decision and the next one",
        "served": "requests that were computed in time with a sufficient quality",
        "late": "computed requests with an answer after the deadline",
        "below_quality": "requests that were computed in time with a quality below their demand",
        "expired": "requests that left the queue because no node could serve them in time any more",
        "pending": "requests in the queue after the epoch (a level, not a flow)",
        "hidden": "pending requests without a slot (a level)",
        "requested": "requests that the action assigned to a node",
        "admitted": "requested requests that joined a batch",
        "refused_uplink": "requested requests with a too small share of the uplink band",
        "refused_downlink": "requested requests with a too small share of the downlink band",
        "refused_memory": "requested requests with a KV cache that did not fit in the free memory of the node",
        "evicted": "late requests whose KV cache overflowed the memory of a node, so that their answer was lost",
        "arrived_value": "summed value of the arrived requests",
        "served_value": "summed value of the served requests",
        "late_value": "summed value of the late requests",
        "below_quality_value": "summed value of the requests below their quality demand",
        "expired_value": "summed value of the expired requests",
        "delay_s": "latency in s, summed over the served requests",
        "quality": "quality of the answer, summed over the served requests",
        "utilisation": "busy share of the epoch, mean over the nodes",
    }
)
"""Metric of batching dynamics -> description."""
METRICS: Final = tuple(BATCHING_DESCRIPTIONS)
"""Metrics of batching dynamics, in the order of their columns."""
COLUMN: Final[Mapping[str, int]] = MappingProxyType({name: column for column, name in enumerate(METRICS)})
FINAL_OUTCOMES: Final[tuple[str, ...]] = ("served", "late", "below_quality", "expired")
"""Metrics that count the requests by their final outcome."""

CONTINUOUS_DESCRIPTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **BATCHING_DESCRIPTIONS,
        "served": "requests whose last token was computed in time with a sufficient quality",
        "late": "requests with an answer after the deadline, and evicted requests",
        "below_quality": "requests whose last token was computed in time with a quality below their demand",
        "admitted": "requested requests that joined a node",
        "refused_memory": "requested requests with a KV cache that did not fit in the unreserved memory of the node",
        "evicted": "late requests that were evicted since the KV caches of a node outgrew its memory",
        "running": "admitted requests without a last token after the epoch (a level)",
        "first_tokens": "requests whose first token was computed",
        "ttft_s": "time to first token in s, from the arrival to the end of the prefill, summed over `first_tokens`",
        "decoded": "requests of two tokens or more whose last token was computed",
        "tpot_s": "time per output token after the first in s, summed over `decoded`",
    }
)
"""Metric of continuous batching -> description."""
CONTINUOUS_METRICS: Final = tuple(CONTINUOUS_DESCRIPTIONS)
"""Metrics of continuous batching, in the order of their columns; the first ones are those of batching dynamics."""
CONTINUOUS_COLUMN: Final[Mapping[str, int]] = MappingProxyType(
    {name: column for column, name in enumerate(CONTINUOUS_METRICS)}
)

STREAMING_DESCRIPTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "arrived": "requests that arrived during the epoch; their outcomes are known at once",
        "served": "arrived requests with an answer in time and of sufficient quality",
        "late": "arrived requests with an answer after the deadline",
        "below_quality": "arrived requests with an answer in time and of a quality below their demand",
        "in_flight": "requests without an answer at the end of the epoch (a level, not a flow)",
        "arrived_value": "summed value of the arrived requests",
        "served_value": "summed value of the served requests",
        "late_value": "summed value of the late requests",
        "below_quality_value": "summed value of the requests below their quality demand",
        "delay_s": "response delay in s, summed over the served requests",
        "quality": "quality of the answer, summed over the served requests",
        "utilisation": "busy share of the epoch, mean over the nodes",
        "response_s": "response delay in s, summed over the arrived requests",
        "mean_delay_s": "response_s / arrived in s, 0 if no request arrived",
        "correct": "correct answers, each weighted with the quality factor of its route",
        "accuracy": "correct / arrived, 0 if no request arrived",
    }
)
"""Metric of streaming dynamics -> description; exits follow."""
STREAMING_METRICS: Final = tuple(STREAMING_DESCRIPTIONS)
"""Metrics of streaming dynamics, in the order of their columns; exits follow."""
STREAMING_COLUMN: Final[Mapping[str, int]] = MappingProxyType(
    {name: column for column, name in enumerate(STREAMING_METRICS)}
)

ROUTING_DESCRIPTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **BATCHING_DESCRIPTIONS,
        "forwarded": "transfers of a request from a node to a node of the next stage",
        "correct": "correct answers of the computed requests, each weighted with the quality factor of its route",
    }
)
"""Metric of batching-and-routing dynamics -> description; exits follow."""
ROUTING_METRICS: Final = tuple(ROUTING_DESCRIPTIONS)
"""Metrics of batching-and-routing dynamics, in the order of their columns; exits follow."""
ROUTING_COLUMN: Final[Mapping[str, int]] = MappingProxyType(
    {name: column for column, name in enumerate(ROUTING_METRICS)}
)


def _exit_descriptions(blocks: int) -> dict[str, str]:
    return {f"exit_{block}": f"computed requests that left after block {block}" for block in range(1, blocks + 1)}


def _batching(blocks: int) -> dict[str, str]:
    return dict(BATCHING_DESCRIPTIONS)


def _continuous_batching(blocks: int) -> dict[str, str]:
    return dict(CONTINUOUS_DESCRIPTIONS)


def _batching_routing(blocks: int) -> dict[str, str]:
    return {**ROUTING_DESCRIPTIONS, **_exit_descriptions(blocks)}


def _streaming(blocks: int) -> dict[str, str]:
    return {**STREAMING_DESCRIPTIONS, **_exit_descriptions(blocks)}


METRIC_DESCRIPTIONS: Final[Mapping[str, Callable[[int], dict[str, str]]]] = MappingProxyType(
    {
        "batching": _batching,
        "continuous_batching": _continuous_batching,
        "batching_routing": _batching_routing,
        "streaming": _streaming,
    }
)
"""Variant of the dynamics -> (blocks of the model -> metric and its description, in the order of the columns)."""

DEFAULT_REWARD: Final[Mapping[str, Mapping[str, float]]] = MappingProxyType(
    {
        "batching": {"served_value": 1.0},
        "batching_routing": {"served_value": 1.0},
        "streaming": {"mean_delay_s": -1.0, "accuracy": 1.0},
    }
)
"""Dynamics -> weights of the metrics in the default reward."""
