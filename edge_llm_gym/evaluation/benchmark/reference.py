"""Reference results of a suite, which the package ships: the scores of the experts and of the shipped trained policies.

The file holds the score of every policy on every seed of a task, and the hash of the task's scenario.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.evaluation.benchmark.suite import Suite, Task
from edge_llm_gym.evaluation.identity import scenario_hash
from edge_llm_gym.files import write_text
from edge_llm_gym.json_text import folded

RANDOM: Final = "random"
FORMAT: Final = 1
UPDATE: Final = "python -m scripts.benchmark_reference"


@dataclass(frozen=True)
class TaskReference:
    """Reference results of a task."""

    scenario: str
    """Hash of the scenario."""
    metric: str
    policies: Mapping[str, tuple[float, ...]]
    """Policy -> score of the episode of every seed of the suite."""

    @property
    def best(self) -> str:
        """The expert with the highest mean score, which has the normalised score 1."""
        experts = [name for name in self.policies if ":" not in name]
        return max(experts, key=lambda name: float(np.mean(self.policies[name])))

    def samples(self, policy: str, count: int) -> Array:
        """float64 [count], the scores of the first seeds."""
        return np.array(self.policies[policy][:count])


@dataclass(frozen=True)
class Reference:
    """Reference results of all tasks of a suite."""

    suite: str
    package: str
    """Version of the package that computed them."""
    seeds: tuple[int, ...]
    tasks: Mapping[str, TaskReference]

    def of(self, task: Task) -> TaskReference:
        """The results of a task. Raises ValueError where they are of another scenario, or missing."""
        found = self.tasks.get(task.name)
        if found is None or found.scenario != scenario_hash(task.scenario()):
            what = "has no results" if found is None else "is of another scenario, or its files have changed"
            raise ValueError(
                f"the reference of suite {self.suite!r} {what} for task {task.name!r}; a published suite must not "
                f"change, so give the suite a new version, and compute its reference with {UPDATE}"
            )
        return found


def reference_path(suite: Suite) -> Path:
    """The file of a suite's reference."""
    return Path(__file__).parent / "references" / f"suite-{suite.version}.json"


@cache
def load_reference(path: Path) -> Reference:
    """The reference in a file."""
    data = json.loads(path.read_text("utf-8"))
    tasks = {name: _task(each) for name, each in data["tasks"].items()}
    return Reference(data["suite"], data["package"], tuple(data["seeds"]), tasks)


def write_reference(path: Path, reference: Reference) -> None:
    """Writes the file, one line for each policy and task."""
    tasks = {
        name: {"scenario": task.scenario, "metric": task.metric, "policies": dict(task.policies)}
        for name, task in reference.tasks.items()
    }
    data = {"format": FORMAT, "suite": reference.suite, "package": reference.package, "seeds": reference.seeds}
    write_text(path, folded({**data, "tasks": tasks}) + "\n")


def _task(data: Mapping[str, Any]) -> TaskReference:
    policies = {name: tuple(scores) for name, scores in data["policies"].items()}
    return TaskReference(data["scenario"], data["metric"], policies)
