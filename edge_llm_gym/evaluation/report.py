"""Writes a comparison to files: CSV of the episodes, JSON of the summary, PNG of the intervals."""

import csv
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edge_llm_gym.evaluation.comparison import Comparison
from edge_llm_gym.evaluation.plots import comparison_figure
from edge_llm_gym.evaluation.statistics import Interval


def save(comparison: Comparison, folder: str | Path) -> list[Path]:
    """Writes episodes.csv, comparison.json and comparison.png into a folder; returns their paths."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in ("episodes.csv", "comparison.json", "comparison.png")]
    _write_csv(comparison, paths[0])
    paths[1].write_text(json.dumps(as_json(comparison), indent=1) + "\n", "utf-8")
    comparison_figure(comparison).savefig(paths[2], dpi=130)
    return paths


def _write_csv(comparison: Comparison, path: Path) -> None:
    records = comparison.records()
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(records[0]))
        writer.writeheader()
        writer.writerows(records)


def as_json(comparison: Comparison) -> dict[str, Any]:
    """The summary as plain data; undefined numbers (NaN) become null."""
    return {
        "environment": comparison.environment,
        "dynamics": comparison.dynamics,
        "seeds": list(comparison.seeds),
        "interval": "95 % percentile bootstrap over seeds",
        "best": comparison.best,
        "clairvoyant_bounds": list(comparison.bounds),
        "policies": [{key: _plain(value) for key, value in row.items()} for row in comparison.summary()],
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Interval):
        return {key: None if number != number else number for key, number in asdict(value).items()}
    return value
