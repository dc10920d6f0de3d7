"""The tasks of the benchmark and its leaderboard, from the suite and the reference that the package ships."""

from collections.abc import Mapping, Sequence

from _generate.tables import code, markdown_table, sentence
from edge_llm_gym.evaluation.benchmark.result import Scored, reference_scores
from edge_llm_gym.evaluation.benchmark.scoring import suite_reference
from edge_llm_gym.evaluation.benchmark.suite import SUITE
from edge_llm_gym.evaluation.statistics import Interval


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
    """One table for all tasks, of the policies that serve them all, and one for the tasks of each environment."""
    scores = reference_scores(SUITE, suite_reference(SUITE))
    everywhere = {name: each for name, each in scores.items() if len(each.tasks) == len(SUITE.tasks)}
    parts = [f"## All tasks\n\n{_table([task.name for task in SUITE.tasks], everywhere, detailed=False)}"]
    for environment, tasks in _by_environment().items():
        parts.append(f"## {environment.removeprefix('EdgeLLM/')}\n\n{_table(tasks, scores, detailed=True)}")
    return "\n\n".join(parts)


def _by_environment() -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for task in SUITE.tasks:
        groups.setdefault(task.environment, []).append(task.name)
    return groups


def _table(tasks: Sequence[str], scores: Mapping[str, Scored], *, detailed: bool) -> str:
    """The policies that serve any of the tasks: first those that serve all, by their interquartile mean."""
    served = {name: [task for task in tasks if task in each.tasks] for name, each in scores.items()}
    totals = {name: scores[name].over(found) for name, found in served.items() if found}
    ranked = sorted(totals, key=lambda name: (len(served[name]), totals[name].mean), reverse=True)
    rows = (_row(name, tasks, scores[name], detailed=detailed) for name in ranked)
    return markdown_table(("policy", "interquartile mean", *map(code, tasks if detailed else ())), rows)


def _row(name: str, tasks: Sequence[str], scored: Scored, *, detailed: bool) -> list[str]:
    total = f"**{_text(scored.over(tasks))}**" if set(tasks) <= set(scored.tasks) else "-"
    cells = [_text(scored.tasks[task].score) if task in scored.tasks else "-" for task in tasks]
    return [code(name), total, *(cells if detailed else ())]


def _text(found: Interval) -> str:
    return f"{found.mean:.3f} [{found.low:.3f}, {found.high:.3f}]"
