"""Shared parts of the verification commands: reference MILP, timing, summary statistics, reports on disk."""

import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from edge_llm_gym.files import write_text
from edge_llm_gym.problems import BatchProblem
from edge_llm_gym.solvers import reference
from edge_llm_gym.solvers.solutions import BatchSolution

Row = dict[str, Any]
Result = TypeVar("Result")


def milp_within(time_limit_s: float, problem: BatchProblem) -> BatchSolution:
    """Solution of the reference MILP; an empty batch without a bound if it finds none in time."""
    try:
        return reference.milp(problem, time_limit_s=time_limit_s)
    except RuntimeError:
        return BatchSolution(np.zeros(problem.request_count, np.bool_), 0.0, np.inf, False, 0)


def timed(action: Callable[[], Result], repeats: int = 1) -> tuple[Result, float]:
    """Return value of the action, and the minimum of ``repeats`` wall times in milliseconds."""
    spent_s = []
    for _ in range(repeats):
        started_s = time.perf_counter()
        result = action()
        spent_s.append(time.perf_counter() - started_s)
    return result, 1e3 * min(spent_s)


def spread(values: Iterable[float]) -> dict[str, float]:
    """Minimum, median, mean, 99th percentile and maximum; empty for no values."""
    array = np.array(list(values), dtype=np.float64)
    if array.size == 0:
        return {}
    quantiles = {"least": 0.0, "median": 0.5, "p99": 0.99, "greatest": 1.0}
    return {name: float(np.quantile(array, at)) for name, at in quantiles.items()} | {"mean": float(array.mean())}


def save(report: Row, folder: Path, name: str) -> None:
    """Write the report as JSON into a folder, which is created if necessary."""
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / f"{name}.json", json.dumps(report, indent=2) + "\n")
