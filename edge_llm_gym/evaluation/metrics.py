"""Metrics of episodes as pure functions of totals and delays: shares, means and quantiles.

`totals` maps the names of `edge_llm_gym.scenario.metrics` to the totals of an episode, or for metrics of the kind flow
to sums over any number of epochs: numbers for one row, arrays [R] for R rows. Where nothing happened, shares and means
are NaN here, and 0 in the totals of an environment.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.scenario.metrics import Metric

Metrics = dict[str, float]
Totals = Mapping[str, Any]

DELAY_QUANTILES: Final[Mapping[str, float]] = MappingProxyType({"delay_p50_s": 0.5, "delay_p95_s": 0.95})
"""Metric -> level of the quantile."""
OUTCOME_COUNTS = (
    "late",
    "evicted",
    "below_quality",
    "expired",
    "refused_uplink",
    "refused_downlink",
    "refused_memory",
)
COUNTS: Final = frozenset({"arrived", *OUTCOME_COUNTS, "unanswered", "gap_epochs"})
"""Metrics of an episode that are whole numbers."""


def ratio(part: Array | float, whole: Array | float, empty: float = np.nan) -> Any:
    """part / whole element by element, and `empty` where whole is 0; a float for two numbers, else an array."""
    numerator, denominator = np.broadcast_arrays(np.asarray(part, np.float64), np.asarray(whole, np.float64))
    result = np.full(numerator.shape, empty)
    np.divide(numerator, denominator, out=result, where=denominator != 0)
    return result if result.ndim else float(result)


def served_share(totals: Totals, empty: float = np.nan) -> Any:
    """Served value over arrived value."""
    return ratio(totals["served_value"], totals["arrived_value"], empty)


def on_time_share(totals: Totals, empty: float = np.nan) -> Any:
    """Served requests over arrived requests."""
    return ratio(totals["served"], totals["arrived"], empty)


def mean_over_served(totals: Totals, name: str, empty: float = np.nan) -> Any:
    """Mean over the served requests of a metric that is summed over them, such as "quality" or "delay_s"."""
    return ratio(totals[name], totals["served"], empty)


def weighted_metrics(metrics: Totals, table: Mapping[str, Metric]) -> Totals:
    """Metrics of epochs to be summed for `epoch_means`: those that have a weight are multiplied with it."""
    return {
        name: metrics[name] * metrics[metric.weight] if metric.weight else metrics[name]
        for name, metric in table.items()
    }


def epoch_means(sums: Totals, epochs: int, table: Mapping[str, Metric]) -> Metrics:
    """Means over so many epochs of metrics whose `weighted_metrics` are summed; 0 where all weights are 0."""
    return {
        name: ratio(sums[name], sums[metric.weight] if metric.weight else epochs, empty=0.0)
        for name, metric in table.items()
    }


def delay_quantiles(delays_s: Array) -> Metrics:
    """Median and 95th percentile of delays [n] in s; NaN for no delays."""
    if delays_s.size == 0:
        return dict.fromkeys(DELAY_QUANTILES, np.nan)
    return {name: float(np.quantile(delays_s, level)) for name, level in DELAY_QUANTILES.items()}


def energy_metrics(totals: Totals) -> dict[str, Any]:
    """Energy of the episode in J, and per served request."""
    return {"energy_j": totals["energy_j"], "energy_per_served_j": mean_over_served(totals, "energy_j")}


def batching_metrics(totals: Totals, delays_s: Array) -> Metrics:
    """Metrics of an episode of batching dynamics; `delays_s` [n] are those of the served requests."""
    return {
        "served_value": totals["served_value"],
        "served_share": served_share(totals),
        "on_time": on_time_share(totals),
        **delay_quantiles(delays_s),
        "quality": mean_over_served(totals, "quality"),
        **energy_metrics(totals),
    } | {name: totals[name] for name in ("arrived", *OUTCOME_COUNTS)}


def mean_ttft_s(totals: Totals, empty: float = np.nan) -> Any:
    """Mean time to first token in s, over the requests whose first token was computed."""
    return ratio(totals["ttft_s"], totals["first_tokens"], empty)


def mean_tpot_s(totals: Totals, empty: float = np.nan) -> Any:
    """Mean over the answered requests of their time per output token after the first, in s."""
    return ratio(totals["tpot_s"], totals["decoded"], empty)


def continuous_batching_metrics(totals: Totals, delays_s: Array) -> Metrics:
    """As `batching_metrics`, with the metrics of LLM serving.

    Goodput counts the requests that are served, that is, in time and with a sufficient quality.
    """
    return batching_metrics(totals, delays_s) | {
        "mean_ttft_s": mean_ttft_s(totals),
        "mean_tpot_s": mean_tpot_s(totals),
        "goodput_per_s": totals["goodput_per_s"],
        "evicted": totals["evicted"],
    }


def batching_routing_metrics(totals: Totals, delays_s: Array) -> Metrics:
    """As `batching_metrics`; forwarded and the exit shares are per computed request.

    The accuracy is relative to the last exit: correct answers over those that the last exit would have given to the
    same requests.
    """
    computed = totals["served"] + totals["late"] + totals["below_quality"]
    return (
        batching_metrics(totals, delays_s)
        | {"accuracy": ratio(totals["correct"], totals["full_correct"])}
        | {"forwarded": ratio(totals["forwarded"], computed)}
        | exit_shares(totals, computed)
    )


def streaming_metrics(totals: Totals, delays_s: Array, unanswered: int) -> Metrics:
    """Metrics of an episode of streaming dynamics, per arrived request; `delays_s` [n] are those of all that arrived.

    The accuracy is relative to the last exit, as in `batching_routing_metrics`.

    `unanswered` counts the requests whose answer arrives after the end of the episode.
    """
    arrived = totals["arrived"]
    return (
        {
            "mean_delay_s": ratio(totals["response_s"], arrived),
            "accuracy": ratio(totals["correct"], totals["full_correct"]),
            "on_time": ratio(totals["served"] + totals["below_quality"], arrived),
            **delay_quantiles(delays_s),
            **energy_metrics(totals),
        }
        | exit_shares(totals, arrived)
        | {name: totals[name] for name in ("arrived", "late", "below_quality")}
        | {"unanswered": float(unanswered)}
    )


def exit_shares(totals: Totals, requests: Array | float) -> dict[str, Any]:
    """Shares of `requests` that left after each block, under the names "exit_1", "exit_2", ..."""
    return {name: ratio(count, requests) for name, count in totals.items() if name.startswith("exit_")}
