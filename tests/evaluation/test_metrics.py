"""Metrics of totals and delays, by hand."""

import numpy as np
import pytest

from edge_llm_gym.evaluation.metrics import (
    batching_metrics,
    batching_routing_metrics,
    delay_quantiles,
    epoch_means,
    ratio,
    streaming_metrics,
    weighted_metrics,
)
from edge_llm_gym.scenario.metrics import flow, level, mean

POOLED_TOTALS = {
    "arrived": 10.0,
    "served": 4.0,
    "late": 2.0,
    "below_quality": 2.0,
    "expired": 1.0,
    "refused_uplink": 3.0,
    "refused_downlink": 0.0,
    "refused_memory": 5.0,
    "evicted": 0.0,
    "arrived_value": 20.0,
    "served_value": 5.0,
    "quality": 3.0,
    "energy_j": 500.0,
}


def test_ratio_of_numbers_and_arrays():
    assert ratio(1.0, 4.0) == 0.25
    assert isinstance(ratio(1.0, 4.0), float)
    assert np.isnan(ratio(1.0, 0.0))
    assert ratio(0.0, 0.0, empty=0.0) == 0.0
    np.testing.assert_array_equal(ratio(np.array([1.0, 3.0]), np.array([2.0, 0.0]), empty=-1.0), [0.5, -1.0])


def test_delay_quantiles():
    assert delay_quantiles(np.arange(21.0)) == {"delay_p50_s": 10.0, "delay_p95_s": 19.0}
    assert all(np.isnan(value) for value in delay_quantiles(np.zeros(0)).values())


def test_batching_metrics_by_hand():
    metrics = batching_metrics(POOLED_TOTALS, np.array([1.0, 2.0, 3.0, 4.0]))
    assert metrics["served_share"] == 0.25
    assert metrics["on_time"] == 0.4
    assert metrics["quality"] == 0.75
    assert metrics["delay_p50_s"] == 2.5
    assert metrics["refused_memory"] == 5.0
    assert (metrics["energy_j"], metrics["energy_per_served_j"]) == (500.0, 125.0)


def test_batching_routing_metrics_are_per_computed_request():
    totals = POOLED_TOTALS | {"correct": 6.0, "full_correct": 7.5, "forwarded": 4.0, "exit_1": 2.0, "exit_2": 6.0}
    metrics = batching_routing_metrics(totals, np.ones(4))
    assert (metrics["accuracy"], metrics["forwarded"]) == (0.8, 0.5)
    assert (metrics["exit_1"], metrics["exit_2"]) == (0.25, 0.75)


def test_streaming_metrics_are_per_arrived_request():
    totals = {"arrived": 8.0, "served": 4.0, "late": 3.0, "below_quality": 1.0, "response_s": 12.0, "correct": 6.0}
    totals |= {"exit_1": 2.0, "exit_2": 6.0, "energy_j": 60.0, "full_correct": 8.0}
    metrics = streaming_metrics(totals, np.full(8, 1.5), unanswered=2)
    assert metrics["energy_per_served_j"] == 15.0
    assert metrics["mean_delay_s"] == 1.5
    assert metrics["accuracy"] == 0.75
    assert metrics["on_time"] == pytest.approx(5 / 8)
    assert metrics["exit_2"] == 0.75
    assert metrics["unanswered"] == 2.0


def test_means_weight_epochs_with_the_flow_that_they_name_or_equally():
    table = {"count": flow("a"), "level": level("b"), "busy": mean("c"), "delay": mean("d", "count")}
    epochs = [
        {"count": 1.0, "level": 5.0, "busy": 0.5, "delay": 9.0},
        {"count": 3.0, "level": 1.0, "busy": 0.7, "delay": 1.0},
    ]
    weighted = [weighted_metrics(metrics, table) for metrics in epochs]
    sums = {name: sum(metrics[name] for metrics in weighted) for name in table}
    assert epoch_means(sums, 2, table) == {"count": 2.0, "level": 3.0, "busy": 0.6, "delay": (9.0 + 3.0) / 4.0}
    assert epoch_means(dict.fromkeys(table, 0.0), 2, table)["delay"] == 0.0
