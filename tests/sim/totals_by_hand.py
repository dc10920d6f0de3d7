"""Totals of an episode recomputed from the metrics of its reset and its epochs, in plain Python."""

from collections.abc import Mapping, Sequence

import numpy as np

LEVELS = {"pending", "hidden", "in_flight"}
MEANS = {"utilisation"}
RATIOS = {"mean_delay_s": ("response_s", "arrived"), "accuracy": ("correct", "arrived")}
OUTCOMES = ("served", "late", "below_quality", "expired")


def totals_of(history: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Totals by name after the metrics of a reset, history[0], and those of the epochs since."""
    total = {name: sum(float(metrics[name]) for metrics in history) for name in history[0]}
    for name in LEVELS & total.keys():
        total[name] = float(history[-1][name])
    for name in MEANS & total.keys():
        total[name] = float(np.mean([metrics[name] for metrics in history[1:]])) if history[1:] else 0.0
    for name, (part, whole) in RATIOS.items():
        if name in total:
            total[name] = total[part] / total[whole] if total[whole] > 0 else 0.0
    return total


def check_totals(totals: Mapping[str, float], history: Sequence[Mapping[str, float]]) -> None:
    """Totals are those of the history, and every request that arrived is accounted for once in them."""
    expected = totals_of(history)
    assert list(totals) == list(expected)
    np.testing.assert_allclose(list(totals.values()), list(expected.values()), rtol=1e-12, atol=1e-12)
    final = sum(totals[name] for name in OUTCOMES if name in totals)
    assert totals["arrived"] == final + totals.get("pending", 0.0)
    assert totals.get("in_flight", 0.0) <= totals["arrived"]
