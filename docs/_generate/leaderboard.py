"""The tasks of the benchmark and its leaderboard, from the suite and the reference that the package ships."""

from collections.abc import Mapping, Sequence

from _generate.tables import code, markdown_table, sentence
from edge_llm_gym.evaluation.benchmark.result import Scored, reference_scores
from edge_llm_gym.evaluation.benchmark.scoring import suite_reference
from edge_llm_gym.evaluation.benchmark.suite import SUITE, Task
from edge_llm_gym.evaluation.statistics import Interval

TITLES = {
    "batching": "SingleNode and MultiNode",
    "continuous_batching": "Continuous",
    "streaming": "EarlyExit",
    "batching_routing": "Joint",
}
"""Dynamics -> environments that have them."""


def task_table() -> str:
    """The tasks of the suite, with the best expert of each."""
    reference = suite_reference(SUITE)
    rows = (
        (
            code(task.name),
            task.environment.removeprefix("EdgeLLM/"),
            sentence(task.description),
            task.metric().replace("_", " "),
            code(reference.of(task).best),
        )
        for task in SUITE.tasks
    )
    return markdown_table(("task", "environment", "setting", "score of an episode", "best expert"), rows)


def leaderboard() -> str:
    """One table for all tasks, and one for those of each dynamics: policies that serve all of them, best first."""
    scores = reference_scores(SUITE, suite_reference(SUITE))
    parts = [f"## All tasks\n\n{_table([task.name for task in SUITE.tasks], scores, detailed=False)}"]
    for variant, tasks in _by_dynamics().items():
        names = [task.name for task in tasks]
        parts.append(f"## {TITLES[variant]}\n\n{_table(names, scores, detailed=True)}")
    return "\n\n".join(parts)


def _by_dynamics() -> dict[str, list[Task]]:
    groups: dict[str, list[Task]] = {}
    for task in SUITE.tasks:
        groups.setdefault(task.scenario().variant, []).append(task)
    return groups


def _table(tasks: Sequence[str], scores: Mapping[str, Scored], *, detailed: bool) -> str:
    ranked = {name: each.over(tasks) for name, each in scores.items() if set(tasks) <= set(each.tasks)}
    columns = tasks if detailed else ()
    rows = (
        (code(name), f"**{_text(total)}**", *(_text(scores[name].tasks[task].score) for task in columns))
        for name, total in sorted(ranked.items(), key=lambda item: -item[1].mean)
    )
    return markdown_table(("policy", "interquartile mean", *map(code, columns)), rows)


def _text(found: Interval) -> str:
    return f"{found.mean:.3f} [{found.low:.3f}, {found.high:.3f}]"
