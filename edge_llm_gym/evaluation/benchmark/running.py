"""Runs the episodes of a benchmark: every task is a comparison with a store of its own in the folder of the run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_llm_gym.evaluation.benchmark.entries import Entry, Served, serving
from edge_llm_gym.evaluation.benchmark.suite import Task
from edge_llm_gym.evaluation.compare import compare
from edge_llm_gym.evaluation.comparison import Comparison
from edge_llm_gym.evaluation.store import EpisodeStore
from edge_llm_gym.evaluation.workers import Jobs


@dataclass(frozen=True)
class Plan:
    """Which policy acts in which task."""

    tasks: tuple[Task, ...]
    seeds: tuple[int, ...]
    served: Mapping[str, Mapping[str, Served]]
    """Task -> entry -> how it is served."""

    @property
    def episodes(self) -> int:
        """Number of episodes."""
        return len(self.seeds) * sum(len(self.sources(task)) for task in self.tasks)

    def sources(self, task: Task) -> list[Served]:
        """How the entries that act in a task serve it."""
        return [served for served in self.served[task.name].values() if served.source is not None]

    def reasons(self, entry: str) -> dict[str, str]:
        """Task that an entry does not serve -> why."""
        return {name: served[entry].reason for name, served in self.served.items() if served[entry].source is None}


def planned(tasks: Sequence[Task], entries: Sequence[Entry], seeds: Sequence[int]) -> Plan:
    """Which policy acts in which task. Raises ValueError for an entry that serves none of the tasks."""
    served = {task.name: {entry.name: serving(entry, task) for entry in entries} for task in tasks}
    plan = Plan(tuple(tasks), tuple(seeds), served)
    for entry in entries:
        reasons = plan.reasons(entry.name)
        if len(reasons) == len(tasks):
            task, reason = next(iter(reasons.items()))
            raise ValueError(f"policy {entry.name!r} serves none of the tasks: in {task!r}, {reason}")
    return plan


def run_plan(
    plan: Plan,
    *,
    folder: str | Path | None = None,
    overwrite: bool = False,
    jobs: Jobs = 1,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Comparison]:
    """Task -> its episodes; tasks that no entry serves are left out.

    `folder` keeps every finished episode, in one folder below it for each task; the same run continues there. Raises
    ValueError for a folder with other episodes, unless `overwrite` is set.
    """
    results: dict[str, Comparison] = {}
    done = 0
    for task in plan.tasks:
        if sources := plan.sources(task):
            results[task.name] = compare(
                task.environment,
                [(served.source.name, served.source.source) for served in sources if served.source],
                plan.seeds,
                scenario=task.scenario(),
                jobs=jobs,
                progress=_after(done, plan.episodes, progress),
                store=None if folder is None else EpisodeStore(Path(folder) / task.name, overwrite),
            )
            done += len(sources) * len(plan.seeds)
    return results


def _after(before: int, total: int, progress: Callable[[int, int], None] | None) -> Callable[[int, int], None] | None:
    """Reports the progress of one task as that of all tasks."""
    return None if progress is None else lambda done, _: progress(before + done, total)
