"""Writes a comparison to files: CSV of the episodes, JSON of the summary, PNG of the intervals."""

import csv
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edge_llm_gym.evaluation.comparison import SHARE_OF_BOUND, Comparison
from edge_llm_gym.evaluation.plots import comparison_figure, has_matplotlib
from edge_llm_gym.evaluation.statistics import Interval
from edge_llm_gym.files import replacing, writable_folder, write_text

REPORTS = ("episodes.csv", "comparison.json", "comparison.png")


def save(comparison: Comparison, folder: str | Path) -> list[Path]:
    """Writes episodes.csv, comparison.json and comparison.png into a folder; returns the paths of what was written.

    Without matplotlib the figure is left out. Older files of these names are replaced, each as a whole, and the older
    figure is removed where there is no new one. Raises ValueError for a folder that cannot be written to.
    """
    table, summary, figure = (writable_folder(folder) / name for name in REPORTS)
    _write_csv(comparison, table)
    write_text(summary, json.dumps(as_json(comparison), indent=1) + "\n")
    if not has_matplotlib():
        figure.unlink(missing_ok=True)
        return [table, summary]
    with replacing(figure) as temporary:
        comparison_figure(comparison).savefig(temporary, dpi=130)
    return [table, summary, figure]


def _write_csv(comparison: Comparison, path: Path) -> None:
    records = comparison.records()
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(records[0]))
        writer.writeheader()
        writer.writerows(records)


def as_json(comparison: Comparison) -> dict[str, Any]:
    """The summary as plain data; undefined numbers (NaN) become null.

    Beside each mean stands the number of seeds that it is over: those in which the metric is defined.
    """
    return {
        "environment": comparison.environment,
        "dynamics": comparison.dynamics,
        "trace": None if comparison.replay is None else comparison.replay.as_json(),
        "seeds": list(comparison.seeds),
        "seeds_without_requests": list(comparison.empty_seeds),
        "interval": "95 % percentile bootstrap over seeds",
        "best": comparison.best,
        "clairvoyant_bounds": list(comparison.bounds),
        "policies": [_row(comparison, row) for row in comparison.summary()],
    }


def _row(comparison: Comparison, row: Mapping[str, Any]) -> dict[str, Any]:
    """One policy of the summary: a mapping for each mean."""
    means = {key: value for key, value in row.items() if isinstance(value, Interval)}
    return {"policy": row["policy"]} | {key: _mean(comparison, row["policy"], key, mean) for key, mean in means.items()}


def _mean(comparison: Comparison, policy: str, name: str, mean: Interval) -> dict[str, float | None]:
    """A mean as plain data, with the number of seeds that it is over."""
    metric = comparison.layout.score if name == "to_best" else name
    plain = {key: None if number != number else number for key, number in asdict(mean).items()}
    return plain | {"seeds": comparison.count(policy, metric)}


def share_of_bound_as_json(comparison: Comparison) -> dict[str, float | None]:
    """The share of the bound that the best policy serves, as plain data."""
    return _mean(comparison, comparison.best, SHARE_OF_BOUND, comparison.share_of_bound(comparison.best))
