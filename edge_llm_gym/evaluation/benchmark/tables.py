"""Results of a benchmark as tables."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from edge_llm_gym.evaluation.benchmark.result import BenchmarkResult, Scored
from edge_llm_gym.evaluation.statistics import Interval
from edge_llm_gym.evaluation.tables import UNDEFINED, interval_cell
from edge_llm_gym.sheets import Cell, Column, Sheet, make_sheet

FORM: Final = "{:.3f}"
SCALE: Final = (
    "score: 0 as random, 1 as the best expert of the reference; in brackets 95 % bootstrap intervals over seeds"
)


def benchmark_sheets(result: BenchmarkResult) -> list[Sheet]:
    """Scores per task, then for each set of served tasks the aggregates, with those of the reference."""
    return [task_table(result), *aggregate_tables(result)]


def task_table(result: BenchmarkResult) -> Sheet:
    """Normalised scores of the policies in every task."""
    tasks = [task for task in result.suite.tasks if task.name in result.tasks]
    rows = [[Cell(task.name), *(_score(each, task.name) for each in result.policies.values())] for task in tasks]
    notes = [SCALE, *_skipped(result.policies), *_incomplete(result)]
    title = f"suite {result.suite.version}: {len(tasks)} tasks, {len(result.seeds)} seeds"
    return make_sheet(title, ("task", *result.policies), rows, notes)


def aggregate_tables(result: BenchmarkResult) -> Iterator[Sheet]:
    """One table for each set of tasks that a policy serves: only policies that serve all of them are comparable."""
    shown: list[tuple[str, ...]] = []
    for policy, scored in result.policies.items():
        tasks = tuple(scored.tasks)
        if tasks not in shown:
            shown.append(tasks)
            yield _aggregates(f"interquartile mean over {_named(tasks, result)}", result.peers(policy), result)


def _aggregates(title: str, peers: Mapping[str, Interval], result: BenchmarkResult) -> Sheet:
    rows = [(name, interval_cell(found, FORM), _source(name, result)) for name, found in peers.items()]
    return make_sheet(title, ("policy", "score", Column("", "left")), rows)


def _source(name: str, result: BenchmarkResult) -> str:
    return "" if name in result.policies else "reference"


def _named(tasks: Sequence[str], result: BenchmarkResult) -> str:
    return f"all {len(tasks)} tasks" if len(tasks) == len(result.tasks) else f"{len(tasks)} tasks: {', '.join(tasks)}"


def _score(scored: Scored, task: str) -> Cell:
    return interval_cell(scored.tasks[task].score, FORM) if task in scored.tasks else UNDEFINED


def _skipped(policies: Mapping[str, Scored]) -> Iterator[str]:
    """Which tasks each policy does not serve, with tasks of the same reason together."""
    for name, scored in policies.items():
        reasons: dict[str, list[str]] = {}
        for task, reason in scored.skipped.items():
            reasons.setdefault(reason, []).append(task)
        yield from (f"{name} is not scored in {', '.join(tasks)}: {reason}" for reason, tasks in reasons.items())


def _incomplete(result: BenchmarkResult) -> Iterable[str]:
    if not result.is_complete:
        yield (
            f"part of the suite, which has {len(result.suite.tasks)} tasks and {len(result.suite.seeds)} seeds: for "
            f"trials, not to be reported"
        )
