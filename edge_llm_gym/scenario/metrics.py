"""The metrics of an epoch for each kind of dynamics: names, kinds, descriptions and the default reward.

`METRICS`, `CONTINUOUS_METRICS`, `STREAMING_METRICS` and `ROUTING_METRICS` fix the order of the columns. In dynamics
with early exits the columns `exit_1`, `exit_2`, ... follow, one per block of the model. Counts are numbers of requests.

The kind of a metric says what its total over the epochs of an episode is:

| kind | of an epoch | total |
|---|---|---|
| flow | what happened in the epoch | the sum |
| level | what there is at the end of the epoch | the last value |
| mean | a mean over the epoch | the mean over the episode: epochs weighted with a flow, or equally |
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, get_args

Kind = Literal["flow", "level", "mean"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)


class Metric(NamedTuple):
    """Kind and description of a metric; a mean weights epochs with the flow `weight`, or equally if that is empty."""

    kind: Kind
    description: str
    weight: str = ""


def flow(description: str) -> Metric:
    """A metric that adds up over epochs."""
    return Metric("flow", description)


def level(description: str) -> Metric:
    """A metric whose last value counts."""
    return Metric("level", description)


def mean(description: str, weight: str = "") -> Metric:
    """A metric that is a mean over time or, with the flow `weight`, over what that flow counts."""
    return Metric("mean", description, weight)


Table = dict[str, Metric]

ENERGY_TABLE: Final[Mapping[str, Metric]] = MappingProxyType(
    {
        "node_energy_j": flow(
            "energy of the nodes in J: idle power all the time, plus busy less idle power while computing"
        ),
        "device_energy_j": flow("energy of the device transmitters in J: transmit power times the time on air"),
        "energy_j": flow("node_energy_j + device_energy_j, in J"),
    }
)
"""Metrics of energy; all dynamics have them."""

BATCHING_TABLE: Final[Mapping[str, Metric]] = MappingProxyType(
    {
        "arrived": flow("requests that arrived between this decision and the next one"),
        "served": flow("requests that were computed in time with a sufficient quality"),
        "late": flow("computed requests with an answer after the deadline"),
        "below_quality": flow("requests that were computed in time with a quality below their demand"),
        "expired": flow("requests that left the queue because no node could serve them in time any more"),
        "pending": level("requests in the queue after the epoch"),
        "hidden": level("pending requests without a slot"),
        "requested": flow("requests that the action assigned to a node"),
        "admitted": flow("requested requests that joined a batch"),
        "refused_uplink": flow("requested requests with a too small share of the uplink band"),
        "refused_downlink": flow("requested requests with a too small share of the downlink band"),
        "refused_memory": flow("requested requests with a KV cache that did not fit in the free memory of the node"),
        "evicted": flow("late requests whose KV cache overflowed the memory of a node, so that their answer was lost"),
        "arrived_value": flow("summed value of the arrived requests"),
        "served_value": flow("summed value of the served requests"),
        "late_value": flow("summed value of the late requests"),
        "below_quality_value": flow("summed value of the requests below their quality demand"),
        "expired_value": flow("summed value of the expired requests"),
        "delay_s": flow("latency in s, summed over the served requests"),
        "quality": flow("quality of the answer, summed over the served requests"),
        "utilisation": mean("busy share of the epoch, mean over the nodes"),
        **ENERGY_TABLE,
    }
)
"""Metrics of batching dynamics; arrived = served + late + below_quality + expired + pending in the totals."""
METRICS: Final = tuple(BATCHING_TABLE)
"""Metrics of batching dynamics, in the order of their columns."""
COLUMN: Final[Mapping[str, int]] = MappingProxyType({name: column for column, name in enumerate(METRICS)})
FINAL_OUTCOMES: Final[tuple[str, ...]] = ("served", "late", "below_quality", "expired")
"""Metrics that count the requests by their final outcome."""

CONTINUOUS_TABLE: Final[Mapping[str, Metric]] = MappingProxyType(
    {
        **BATCHING_TABLE,
        "served": flow("requests whose last token was computed in time with a sufficient quality"),
        "late": flow("requests with an answer after the deadline, and evicted requests"),
        "below_quality": flow("requests whose last token was computed in time with a quality below their demand"),
        "admitted": flow("requested requests that joined a node"),
        "refused_memory": flow(
            "requested requests with a KV cache that did not fit in the unreserved memory of the node"
        ),
        "evicted": flow("late requests that were evicted since the KV caches of a node outgrew its memory"),
        "running": level("admitted requests without a last token after the epoch"),
        "first_tokens": flow("requests whose first token was computed"),
        "ttft_s": flow("time to first token in s, from arrival to the end of the prefill, summed over `first_tokens`"),
        "mean_ttft_s": mean("ttft_s / first_tokens in s, 0 if there are none", "first_tokens"),
        "decoded": flow("requests of two tokens or more whose last token was computed"),
        "tpot_s": flow("time per output token after the first in s, summed over `decoded`"),
        "mean_tpot_s": mean("tpot_s / decoded in s, 0 if there are none", "decoded"),
        "goodput_per_s": mean("served requests per second"),
    }
)
"""Metrics of continuous batching; in the totals,
arrived = served + late + below_quality + expired + pending + running."""
CONTINUOUS_METRICS: Final = tuple(CONTINUOUS_TABLE)
"""Metrics of continuous batching, in the order of their columns; the first ones are those of batching dynamics."""
CONTINUOUS_COLUMN: Final[Mapping[str, int]] = MappingProxyType(
    {name: column for column, name in enumerate(CONTINUOUS_METRICS)}
)

STREAMING_TABLE: Final[Mapping[str, Metric]] = MappingProxyType(
    {
        "arrived": flow("requests that arrived during the epoch; their outcomes are known at once"),
        "served": flow("arrived requests with an answer in time and of sufficient quality"),
        "late": flow("arrived requests with an answer after the deadline"),
        "below_quality": flow("arrived requests with an answer in time and of a quality below their demand"),
        "in_flight": level("requests without an answer at the end of the epoch, counted above by their outcome"),
        "arrived_value": flow("summed value of the arrived requests"),
        "served_value": flow("summed value of the served requests"),
        "late_value": flow("summed value of the late requests"),
        "below_quality_value": flow("summed value of the requests below their quality demand"),
        "delay_s": flow("response delay in s, summed over the served requests"),
        "quality": flow("quality of the answer, summed over the served requests"),
        "utilisation": mean("busy share of the epoch, mean over the nodes"),
        **ENERGY_TABLE,
        "response_s": flow("response delay in s, summed over the arrived requests"),
        "mean_delay_s": mean("response_s / arrived in s, 0 if no request arrived", "arrived"),
        "correct": flow("correct answers, each weighted with the quality factor of its route"),
        "full_correct": flow("arrived requests that the last exit answers correctly"),
        "accuracy": mean(
            "accuracy relative to the last exit, 1 + (correct - full_correct) / (arrived * accuracy of the profile's "
            "last exit), 0 if no request arrived",
            "arrived",
        ),
    }
)
"""Metrics of streaming dynamics; exits follow. arrived = served + late + below_quality in epochs and totals."""
STREAMING_METRICS: Final = tuple(STREAMING_TABLE)
"""Metrics of streaming dynamics, in the order of their columns; exits follow."""
STREAMING_COLUMN: Final[Mapping[str, int]] = MappingProxyType(
    {name: column for column, name in enumerate(STREAMING_METRICS)}
)

ROUTING_TABLE: Final[Mapping[str, Metric]] = MappingProxyType(
    {
        **BATCHING_TABLE,
        "forwarded": flow("transfers of a request from a node to a node of the next stage"),
        "correct": flow("correct answers of the computed requests, each weighted with the quality factor of its route"),
        "full_correct": flow("computed requests that the last exit answers correctly"),
    }
)
"""Metrics of batching-and-routing dynamics; exits follow."""
ROUTING_METRICS: Final = tuple(ROUTING_TABLE)
"""Metrics of batching-and-routing dynamics, in the order of their columns; exits follow."""
ROUTING_COLUMN: Final[Mapping[str, int]] = MappingProxyType(
    {name: column for column, name in enumerate(ROUTING_METRICS)}
)


def _exit_table(blocks: int) -> Table:
    return {f"exit_{block}": flow(f"computed requests that left after block {block}") for block in range(1, blocks + 1)}


def _batching(blocks: int) -> Table:
    return dict(BATCHING_TABLE)


def _continuous_batching(blocks: int) -> Table:
    return dict(CONTINUOUS_TABLE)


def _batching_routing(blocks: int) -> Table:
    return {**ROUTING_TABLE, **_exit_table(blocks)}


def _streaming(blocks: int) -> Table:
    return {**STREAMING_TABLE, **_exit_table(blocks)}


METRIC_TABLES: Final[Mapping[str, Callable[[int], Table]]] = MappingProxyType(
    {
        "batching": _batching,
        "continuous_batching": _continuous_batching,
        "batching_routing": _batching_routing,
        "streaming": _streaming,
    }
)
"""Variant of the dynamics -> (number of blocks of the model -> metrics by name, in the order of the columns)."""

DEFAULT_REWARD: Final[Mapping[str, Mapping[str, float]]] = MappingProxyType(
    {
        "batching": {"served_value": 1.0},
        "batching_routing": {"served_value": 1.0},
        "streaming": {"mean_delay_s": -1.0, "accuracy": 1.0},
    }
)
"""Dynamics -> weights of the metrics in the default reward."""
