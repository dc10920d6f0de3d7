"""Totals of an episode recomputed from the metrics of its reset and its epochs, in plain Python."""

from collections.abc import Mapping, Sequence

import numpy as np

LEVELS = {"pending", "hidden", "running", "in_flight"}
MEANS = {"utilisation": "", "mean_delay_s": "arrived", "accuracy": "arrived"}
MEANS |= {"goodput_per_s": "", "mean_ttft_s": "first_tokens", "mean_tpot_s": "decoded"}
"""Mean -> the metric that weights epochs; "" if epochs weigh the same."""
OUTCOMES = ("served", "late", "below_quality", "expired")


def totals_of(history: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Totals by name after the metrics of a reset, history[0], and those of the epochs since."""
    total = {name: sum(float(metrics[name]) for metrics in history) for name in history[0]}
    for name in LEVELS & total.keys():
        total[name] = float(history[-1][name])
    for name in MEANS.keys() & total.keys():
        weights = [float(metrics[MEANS[name]]) if MEANS[name] else 1.0 for metrics in history[1:]]
        values = [float(metrics[name]) for metrics in history[1:]]
        total[name] = float(np.average(values, weights=weights)) if sum(weights) > 0 else 0.0
    if "mean_delay_s" in total and total["arrived"] > 0:
        assert np.isclose(total["mean_delay_s"], total["response_s"] / total["arrived"], rtol=1e-12)
    return total


def check_totals(totals: Mapping[str, float], history: Sequence[Mapping[str, float]]) -> None:
    """Totals are those of the history, and every request that arrived is accounted for once in them."""
    expected = totals_of(history)
    assert list(totals) == list(expected)
    np.testing.assert_allclose(list(totals.values()), list(expected.values()), rtol=1e-12, atol=1e-12)
    final = sum(totals[name] for name in OUTCOMES if name in totals)
    assert totals["arrived"] == final + totals.get("pending", 0.0) + totals.get("running", 0.0)
    assert totals.get("in_flight", 0.0) <= totals["arrived"]
