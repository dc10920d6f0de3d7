"""The result of a benchmark: normalised scores per task and their aggregate, for the entries and for the reference."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import edge_llm_gym
from edge_llm_gym.arrays import Array
from edge_llm_gym.evaluation.benchmark.reference import RANDOM, Reference
from edge_llm_gym.evaluation.benchmark.running import Plan
from edge_llm_gym.evaluation.benchmark.scores import aggregate, interval, normalised_score, score_resamples
from edge_llm_gym.evaluation.benchmark.suite import Suite
from edge_llm_gym.evaluation.comparison import Comparison
from edge_llm_gym.evaluation.statistics import Interval

FORMAT = 1


@dataclass(frozen=True)
class TaskResult:
    """Result of one policy in one task."""

    score: Interval
    """Normalised score: 0 as random, 1 as the best expert of the reference, on the same seeds."""
    samples: tuple[float, ...]
    """The metric that is scored, of every seed."""
    resamples: Array
    """[RESAMPLES] normalised scores."""


@dataclass(frozen=True)
class Scored:
    """Results of one policy in the tasks that it serves, and why it does not serve the others."""

    tasks: Mapping[str, TaskResult]
    skipped: Mapping[str, str]

    @property
    def aggregate(self) -> Interval:
        """Interquartile mean over the served tasks."""
        return self.over(list(self.tasks))

    def over(self, tasks: Sequence[str]) -> Interval:
        """Interquartile mean over some of the served tasks. Raises KeyError for another task."""
        chosen = [self.tasks[name] for name in tasks]
        return aggregate([task.score.mean for task in chosen], [task.resamples for task in chosen])


@dataclass(frozen=True)
class BenchmarkResult:
    """Results by policy, and those of the reference on the same seeds."""

    suite: Suite
    seeds: tuple[int, ...]
    tasks: tuple[str, ...]
    policies: Mapping[str, Scored]
    reference: Mapping[str, Scored]

    @property
    def is_complete(self) -> bool:
        """Whether all tasks and seeds of the suite were run."""
        return self.seeds == self.suite.seeds and self.tasks == tuple(task.name for task in self.suite.tasks)

    def peers(self, policy: str) -> dict[str, Interval]:
        """Aggregates over the tasks that a policy serves, of all results that cover them; the best one first."""
        tasks = list(self.policies[policy].tasks)
        known = {**self.reference, **self.policies}
        found = {name: each.over(tasks) for name, each in known.items() if set(tasks) <= set(each.tasks)}
        return dict(sorted(found.items(), key=lambda item: -item[1].mean))

    def to_json(self) -> dict[str, Any]:
        """Plain data for a file."""
        return {
            "format": FORMAT,
            "suite": self.suite.version,
            "package": edge_llm_gym.__version__,
            "complete": self.is_complete,
            "seeds": list(self.seeds),
            "policies": {name: _policy_json(scored) for name, scored in self.policies.items()},
        }


def _policy_json(scored: Scored) -> dict[str, Any]:
    tasks = {
        name: {"score": _interval_json(task.score), "samples": list(task.samples)}
        for name, task in scored.tasks.items()
    }
    return {"interquartile_mean": _interval_json(scored.aggregate), "tasks": tasks, "skipped": dict(scored.skipped)}


def _interval_json(found: Interval) -> dict[str, float | None]:
    """JSON has no NaN: undefined numbers become null."""
    numbers = {"mean": found.mean, "low": found.low, "high": found.high}
    return {name: value if np.isfinite(value) else None for name, value in numbers.items()}


def scored_plan(
    suite: Suite, plan: Plan, comparisons: Mapping[str, Comparison], reference: Reference
) -> BenchmarkResult:
    """The result of episodes. Raises ValueError where the reference is not that of the suite's tasks."""
    names = tuple(task.name for task in plan.tasks)
    entries = list(dict.fromkeys(name for each in comparisons.values() for name in each.episodes))
    measured = {task.name: reference.of(task) for task in plan.tasks}
    policies = {}
    for entry in entries:
        own = {name: each for name, each in comparisons.items() if entry in each.episodes}
        samples = {name: each.samples(entry, measured[name].metric) for name, each in own.items()}
        policies[entry] = Scored(_task_results(suite, samples, reference), plan.reasons(entry))
    return BenchmarkResult(
        suite, plan.seeds, names, policies, reference_scores(suite, reference, names, len(plan.seeds))
    )


def reference_scores(
    suite: Suite, reference: Reference, tasks: Iterable[str] | None = None, seeds: int | None = None
) -> dict[str, Scored]:
    """The scores of the policies of a reference, in all or some tasks, over all or the first seeds."""
    names = list(reference.tasks) if tasks is None else list(tasks)
    count = len(reference.seeds) if seeds is None else seeds
    policies = dict.fromkeys(policy for name in names for policy in reference.tasks[name].policies)
    found: dict[str, Scored] = {}
    for policy in policies:
        samples = {
            name: reference.tasks[name].samples(policy, count)
            for name in names
            if policy in reference.tasks[name].policies
        }
        found[policy] = Scored(_task_results(suite, samples, reference), {})
    return found


def _task_results(suite: Suite, samples: Mapping[str, Array], reference: Reference) -> dict[str, TaskResult]:
    strata = [task.name for task in suite.tasks]
    found: dict[str, TaskResult] = {}
    for name, scores in samples.items():
        known = reference.tasks[name]
        trio = (scores, known.samples(RANDOM, len(scores)), known.samples(known.best, len(scores)))
        resamples = score_resamples(*trio, strata.index(name))
        score = interval(float(normalised_score(*trio)), resamples)
        found[name] = TaskResult(score, tuple(map(float, scores)), resamples)
    return found
