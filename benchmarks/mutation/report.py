"""The result of a mutation run as a Markdown page."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

from cosmic_ray.work_item import TestOutcome, WorkItem, WorkResult

from benchmarks.mutation.sampling import mutation_of

Tried = tuple[WorkItem, WorkResult]

KILLED, SURVIVED, INVALID = "killed", "survived", "invalid"
HEAD = """# Mutation testing

A mutant is a copy of the code with one small change. It is killed when a test fails, and survives when all tests pass.
This page holds {total} mutants of `edge_llm_gym.sim` and `edge_llm_gym.solvers`, drawn with seed {seed} from all
positions at which Cosmic Ray changes an operator, a number, a condition, a loop or an exception: {score} of them were
killed. Tests run without compilation (`NUMBA_DISABLE_JIT=1`), so an index out of bounds raises an exception, and a
mutant that only compiled code would tolerate counts as killed. `make mutation` repeats the run.

| module | mutants | killed | survived | killed share |
|---|---|---|---|---|
"""


def describe(item: WorkItem, tree: Path) -> str:
    """Module, line and kind of a mutant, the module relative to `tree`."""
    mutation = mutation_of(item)
    name = mutation.module_path.relative_to(tree).as_posix()
    return f"{name}:{mutation.start_pos[0]} {mutation.operator_name.removeprefix('core/')}"


def outcome_of(result: WorkResult) -> str:
    """Whether a mutant was killed, survived or could not be tried."""
    if result.test_outcome == TestOutcome.KILLED:
        return KILLED
    return SURVIVED if result.test_outcome == TestOutcome.SURVIVED else INVALID


def render(tried: Iterable[Tried], tree: Path, seed: int) -> str:
    """The page: one row per module, then the survivors with their changed lines."""
    valid = [(item, result) for item, result in tried if outcome_of(result) != INVALID]
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for item, result in valid:
        counts[_module(item, tree)][outcome_of(result)] += 1
    total = sum(counts.values(), Counter())
    rows = [_row(f"`{name}`", counts[name]) for name in sorted(counts)]
    survivors = [_survivor(item, result, tree) for item, result in valid if outcome_of(result) == SURVIVED]
    head = HEAD.format(total=total.total(), seed=seed, score=_percent(total))
    return head + "\n".join([*rows, _row("all", total), "", "## Survivors", "", *(sorted(survivors) or ["None."]), ""])


def _module(item: WorkItem, tree: Path) -> str:
    return mutation_of(item).module_path.relative_to(tree / "edge_llm_gym").as_posix()


def _row(name: str, counts: Counter[str]) -> str:
    return f"| {name} | {counts.total()} | {counts[KILLED]} | {counts[SURVIVED]} | {_percent(counts)} |"


def _percent(counts: Counter[str]) -> str:
    return f"{100 * counts[KILLED] / max(counts.total(), 1):.0f} %"


def _survivor(item: WorkItem, result: WorkResult, tree: Path) -> str:
    changed = [line for line in (result.diff or "").splitlines() if _is_change(line)]
    body = "\n".join(f"    {line}" for line in changed)
    return f"- `{describe(item, tree)}`\n\n    ```diff\n{body}\n    ```\n"


def _is_change(line: str) -> bool:
    return line.startswith(("-", "+")) and not line.startswith(("---", "+++"))
