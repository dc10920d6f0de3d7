"""Writes a sweep to files: CSV of the episodes and of the means, JSON, Markdown, PNG."""

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edge_llm_gym.evaluation.comparison import Comparison
from edge_llm_gym.evaluation.plots import has_matplotlib
from edge_llm_gym.evaluation.statistics import Interval
from edge_llm_gym.evaluation.sweeps.plots import sweep_figure
from edge_llm_gym.evaluation.sweeps.result import Sweep
from edge_llm_gym.files import replacing, writable_folder, write_text

RESULTS = ("episodes.csv", "sweep.csv", "sweep.json", "sweep.md", "sweep.png")
DOTS_PER_INCH = 130


def save_sweep(sweep: Sweep, folder: str | Path) -> list[Path]:
    """Writes RESULTS into a folder; returns the paths of what was written.

    Without matplotlib the figure is left out. Older files of these names are replaced, each as a whole, and the older
    figure is removed where there is no new one. Raises ValueError for a folder that cannot be written to.
    """
    episodes, means, data, text, figure = (writable_folder(folder) / name for name in RESULTS)
    _write_csv(sweep.records(), episodes)
    _write_csv(map(_flat, sweep.summary()), means)
    write_text(data, json.dumps(as_json(sweep), indent=1) + "\n")
    write_text(text, sweep.to_markdown())
    if not has_matplotlib():
        figure.unlink(missing_ok=True)
        return [episodes, means, data, text]
    with replacing(figure) as temporary:
        sweep_figure(sweep).savefig(temporary, dpi=DOTS_PER_INCH)
    return [episodes, means, data, text, figure]


def as_json(sweep: Sweep) -> dict[str, Any]:
    """The sweep as plain data; undefined numbers (NaN) become null."""
    return {
        "environment": sweep.environment,
        "parameters": {parameter.path: list(parameter.values) for parameter in sweep.parameters},
        "seeds": list(sweep.seeds),
        "interval": "95 % percentile bootstrap over seeds",
        "reference": sweep.reference,
        "points": [
            {"values": dict(point.values), **_comparison_as_json(sweep, comparison)}
            for point, comparison in sweep.items()
        ],
    }


def _comparison_as_json(sweep: Sweep, comparison: Comparison) -> dict[str, Any]:
    return {
        "trace": None if comparison.replay is None else comparison.replay.as_json(),
        "seeds_without_requests": list(comparison.empty_seeds),
        "policies": [
            {"policy": policy}
            | {metric: _metric_as_json(sweep, comparison, policy, metric) for metric in sweep.metrics}
            for policy in sweep.policies
        ],
    }


def _metric_as_json(sweep: Sweep, comparison: Comparison, policy: str, metric: str) -> dict[str, Any]:
    """Mean and paired difference to the reference as plain data, with the number of seeds that the mean is over."""
    return {
        **_interval_as_json(comparison.mean(policy, metric)),
        "seeds": comparison.count(policy, metric),
        "to_reference": _interval_as_json(comparison.difference(policy, sweep.reference, metric)),
    }


def _interval_as_json(interval: Interval) -> dict[str, float | None]:
    return {key: None if number != number else number for key, number in asdict(interval).items()}


def _flat(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record of a summary as a line; undefined numbers are empty."""
    line = {key: value for key, value in record.items() if not isinstance(value, Interval)}
    for name, interval in ((key, value) for key, value in record.items() if isinstance(value, Interval)):
        numbers = _interval_as_json(interval)
        line |= {name: numbers["mean"], f"{name}_low": numbers["low"], f"{name}_high": numbers["high"]}
    return line


def _write_csv(records: Iterable[Mapping[str, Any]], path: Path) -> None:
    """Writes records as lines; a column for every key of any record."""
    lines = list(records)
    columns = list(dict.fromkeys(key for line in lines for key in line))
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=columns)
        writer.writeheader()
        writer.writerows(lines)
