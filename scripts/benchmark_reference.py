"""Computes the reference results of the benchmark: those of the experts and of the shipped trained policies.

python -m scripts.benchmark_reference
python -m scripts.benchmark_reference --seeds 2 --tasks single,multi --out runs/benchmark-reference/trial.json
python -m scripts.benchmark_reference --policies pretrained:multi-node-prices --merge
python -m scripts.benchmark_reference --extend --folder runs/more-seeds

`--extend` runs only the seeds that the suite has and the file lacks, and the last seed that the file has: results are
appended only if the scores on that seed are equal to those of the file, so that the package still computes the same.
Finished episodes are kept in runs/benchmark-reference; the same command continues after an interruption.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import edge_llm_gym
from agents.command import add_workers, chosen_workers, run_cli
from edge_llm_gym.evaluation.benchmark.entries import entries_of, serving
from edge_llm_gym.evaluation.benchmark.reference import (
    Reference,
    TaskReference,
    load_reference,
    reference_path,
    write_reference,
)
from edge_llm_gym.evaluation.benchmark.running import Plan, run_plan
from edge_llm_gym.evaluation.benchmark.scoring import prepared
from edge_llm_gym.evaluation.benchmark.suite import SUITE, Task
from edge_llm_gym.evaluation.comparison import Comparison
from edge_llm_gym.evaluation.identity import scenario_hash
from edge_llm_gym.evaluation.policies import PRETRAINED
from edge_llm_gym.experts import expert_names
from edge_llm_gym.interrupts import exit_status
from edge_llm_gym.sb3.pretrained import pretrained_names
from edge_llm_gym.settings import ConfigError
from edge_llm_gym.sheets.progress import progress
from edge_llm_gym.sheets.terminal import Terminal

LEFT_OUT: Final = frozenset(
    {"milp", "brute-force", "genetic", "selfish"}
    | {
        f"{batches}+{routes}"
        for batches in ("dftsp", "sjf", "edf", "fcfs")
        for routes in ("fixed-threshold", "no-exit")
    }
    | {"dftsp+dto-ee", "edf+dto-ee", "sjf+dto-ee", "fcfs+dto-ee"}
)
"""Experts that take too long, and combinations that differ little from others; --policies adds them."""
EXPERTS: Final = ("ot-gah+dto-ee", "ot-gah", "dto-ee")


def _best_first(names: Sequence[str]) -> list[str]:
    """Price networks before the constant parameters that they correct."""
    return sorted(names, key=lambda name: not name.endswith("-prices"))


PORTFOLIOS: Final = {
    "portfolio:pretrained": (*(f"{PRETRAINED}{name}" for name in _best_first(pretrained_names())), *EXPERTS),
    "portfolio:experts": EXPERTS,
}
"""Policies under one name: in each task, the first one that serves it acts. Their episodes need not be run again."""
FOLDER: Final = Path("runs/benchmark-reference")


def reference_policies(tasks: Sequence[Task]) -> list[str]:
    """The experts but those that are left out, and the shipped policies, which serve one of the tasks."""
    experts = (name for name in expert_names() if name not in LEFT_OUT)
    entries = entries_of([*experts, *(f"{PRETRAINED}{name}" for name in pretrained_names())])
    return [entry.name for entry in entries if any(serving(entry, task).source is not None for task in tasks)]


def measured(plan: Plan, comparisons: Mapping[str, Comparison]) -> Reference:
    """The reference that episodes give."""
    tasks = {
        task.name: TaskReference(
            scenario_hash(task.scenario()), task.metric(), _policies(comparisons[task.name], task.metric())
        )
        for task in plan.tasks
        if task.name in comparisons  # one that no policy serves is left out
    }
    return Reference(SUITE.version, edge_llm_gym.__version__, plan.seeds, tasks)


def _policies(comparison: Comparison, metric: str) -> dict[str, tuple[float, ...]]:
    found = {name: tuple(map(float, comparison.samples(name, metric))) for name in comparison.policies}
    return found | with_portfolios(found)


def merged(new: Reference, old: Reference) -> Reference:
    """All results of both; of a policy that both have in a task, the new ones.

    Raises ConfigError for other seeds, and for a task whose scenario has changed.
    """
    if new.seeds != old.seeds or new.suite != old.suite:
        raise ConfigError(f"results of other seeds or another suite cannot be merged: {new.seeds} and {old.seeds}")
    tasks = dict(old.tasks)
    for name, task in new.tasks.items():
        before = old.tasks.get(name, task)
        if before.scenario != task.scenario:
            raise ConfigError(f"the scenario of task {name!r} has changed; compute all results anew, without --merge")
        policies = {**before.policies, **task.policies}
        tasks[name] = replace(task, policies={**policies, **with_portfolios(policies)})
    return replace(new, tasks=tasks)


def extended(new: Reference, old: Reference) -> Reference:
    """The results of `old`, and behind them those of `new`, whose first seed is the last one of `old`.

    Raises ConfigError for another suite or task, for other policies, and where a score on the shared seed differs.
    """
    if new.suite != old.suite or new.seeds[0] != old.seeds[-1] or new.tasks.keys() != old.tasks.keys():
        raise ConfigError(
            f"results of suite {new.suite!r} from seed {new.seeds[0]} on, tasks {sorted(new.tasks)}, do not continue "
            f"those of {old.suite!r} up to seed {old.seeds[-1]}, tasks {sorted(old.tasks)}; extend all tasks at once"
        )
    tasks = {name: _extended_task(name, new.tasks[name], task) for name, task in old.tasks.items()}
    return Reference(old.suite, new.package, (*old.seeds, *new.seeds[1:]), tasks)


def _extended_task(name: str, new: TaskReference, old: TaskReference) -> TaskReference:
    """One task of `extended`."""
    if new.policies.keys() != old.policies.keys():
        raise ConfigError(
            f"in task {name!r}, the policies {sorted(new.policies.keys() ^ old.policies.keys())} have results on one "
            "side alone; name those of the file with --policies, or add the missing ones first with --merge"
        )
    differing = [policy for policy, scores in old.policies.items() if new.policies[policy][0] != scores[-1]]
    if differing or new.scenario != old.scenario:
        raise ConfigError(
            f"in task {name!r}, the scenario or the scores of {differing} on the shared seed are no longer those of "
            "the file; compute all results anew, without --extend"
        )
    policies = {policy: (*scores, *new.policies[policy][1:]) for policy, scores in old.policies.items()}
    return replace(old, policies=policies)


def with_portfolios(found: Mapping[str, tuple[float, ...]]) -> dict[str, tuple[float, ...]]:
    """The scores of the portfolios in a task, which are those of a part."""
    acting = {name: next((part for part in parts if part in found), None) for name, parts in PORTFOLIOS.items()}
    return {name: found[part] for name, part in acting.items() if part is not None}


CHANGES: Final = {
    "--merge": (merged, "keep what --out has of other policies and tasks"),
    "--extend": (extended, "keep what --out has, and run the seeds that it lacks"),
}
"""Option -> what becomes of new results and those of the file, and its help. Without one, only the new ones stay."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    return exit_status(lambda: _main(arguments), "the same command continues")


def _main(arguments: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=_names, help="comma-separated; all by default")
    parser.add_argument("--policies", type=_names, help="comma-separated; by default all but slow ones")
    parser.add_argument("--seeds", type=int, help="number of seeds; all by default")
    add_workers(parser)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="folder of the finished episodes")
    parser.add_argument("--out", type=Path, default=reference_path(SUITE), help="JSON file")
    changes = parser.add_mutually_exclusive_group()
    for name, (change, text) in CHANGES.items():
        changes.add_argument(name, dest="change", action="store_const", const=change, help=text)
    options = parser.parse_args(arguments)
    return run_cli(lambda: _run(options))


def _run(options: argparse.Namespace) -> None:
    terminal, workers = Terminal(), chosen_workers(options)
    policies = options.policies or reference_policies(SUITE.chosen(options.tasks))
    plan = prepared(SUITE, policies, options.tasks, options.seeds)
    if options.change is extended:
        plan = replace(plan, seeds=seeds_to_add(plan.seeds, load_reference(options.out).seeds))
    with progress(terminal=terminal) as shown:
        advance = shown.task("episodes", plan.episodes)
        found = run_plan(plan, folder=options.folder, jobs=workers, progress=lambda done, _: advance(done))
    reference = measured(plan, found)
    change = options.change
    write_reference(options.out, reference if change is None else change(reference, load_reference(options.out)))
    terminal.wrote(options.out)


def seeds_to_add(wanted: tuple[int, ...], present: tuple[int, ...]) -> tuple[int, ...]:
    """The last seed that is present and the wanted ones behind it. Raises ConfigError where none is left to add."""
    if wanted[: len(present)] != present or len(wanted) == len(present):
        raise ConfigError(
            f"seeds {wanted} do not add to {present}; --extend needs a suite or --seeds with more of them"
        )
    return wanted[len(present) - 1 :]


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


if __name__ == "__main__":
    sys.exit(main())
