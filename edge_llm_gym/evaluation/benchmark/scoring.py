"""`benchmark`: runs policies on the suite and scores them against its reference."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from edge_llm_gym.evaluation.benchmark.entries import Entry, entries_of
from edge_llm_gym.evaluation.benchmark.reference import Reference, load_reference, reference_path
from edge_llm_gym.evaluation.benchmark.result import BenchmarkResult, scored_plan
from edge_llm_gym.evaluation.benchmark.running import Plan, planned, run_plan
from edge_llm_gym.evaluation.benchmark.suite import SUITE, Suite
from edge_llm_gym.evaluation.policies import PolicyLike
from edge_llm_gym.evaluation.workers import Jobs


def benchmark(
    policies: Iterable[PolicyLike | Entry],
    *,
    tasks: Sequence[str] | None = None,
    seeds: int | None = None,
    folder: str | Path | None = None,
    overwrite: bool = False,
    jobs: Jobs = 1,
    progress: Callable[[int, int], None] | None = None,
) -> BenchmarkResult:
    """Runs policies on the suite and scores them.

    Args:
        policies: as for `compare`, and portfolios: `Entry(name, parts)` acts in each task by the first of its parts
            that serves the task.
        tasks: names of tasks; all by default. Only results of all tasks and seeds are to be reported.
        seeds: number of the suite's seeds, from the first on; all by default.
        folder: keeps finished episodes, so that the same call continues after an interruption.
        overwrite: replace other episodes in the folder.
        jobs: number of processes, or workers, as for `compare`.
        progress: called with the number of finished episodes and of all.

    Raises ValueError for unknown policies and tasks, for a policy that serves none of the tasks, and for a folder that
    holds other episodes.
    """
    plan = prepared(SUITE, policies, tasks, seeds)
    reference = suite_reference(SUITE)
    for task in plan.tasks:
        reference.of(task)  # before hours of episodes
    return scored_plan(
        SUITE,
        plan,
        run_plan(plan, folder=folder, overwrite=overwrite, jobs=jobs, progress=progress),
        reference,
    )


def prepared(
    suite: Suite, policies: Iterable[PolicyLike | Entry], tasks: Sequence[str] | None, seeds: int | None
) -> Plan:
    """What is to be run. Raises ValueError as `benchmark`."""
    most = len(suite.seeds)
    count = most if seeds is None else seeds
    if not 1 <= count <= most:
        raise ValueError(f"suite {suite.version} has {most} seeds, got {count}; choose from 1 to {most}")
    return planned(suite.chosen(tasks), entries_of(policies), suite.seeds[:count])


def suite_reference(suite: Suite) -> Reference:
    """The reference that the package ships for a suite."""
    return load_reference(reference_path(suite))
