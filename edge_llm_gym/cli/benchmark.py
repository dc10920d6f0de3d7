"""`edge-llm-gym benchmark`: scores policies on a fixed suite of tasks, beside shipped reference results."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated

import typer

from edge_llm_gym.cli.completion import complete_policies
from edge_llm_gym.cli.options import AddressOption, BackendOption, JobsOption, OverwriteOption, advising, listed
from edge_llm_gym.evaluation.benchmark import SUITE, Entry, Suite, benchmark
from edge_llm_gym.evaluation.benchmark.entries import portfolio
from edge_llm_gym.evaluation.benchmark.tables import benchmark_sheets
from edge_llm_gym.evaluation.workers import LOKY, Workers
from edge_llm_gym.files import writable_folder, write_text
from edge_llm_gym.sheets import Column, Sheet, make_sheet
from edge_llm_gym.sheets.progress import Advance, progress
from edge_llm_gym.sheets.terminal import Terminal

RESULT = "benchmark.json"


def run_benchmark(
    policy: Annotated[
        list[str] | None,
        typer.Option(
            "--policy",
            "-p",
            help="Names of experts, package.module:factory, pretrained:NAME, or files of trained policies; several are "
            "separated by commas. May be repeated.",
            autocompletion=complete_policies,
        ),
    ] = None,
    portfolios: Annotated[
        list[str] | None,
        typer.Option(
            "--portfolio",
            metavar="NAME=POLICY,POLICY,...",
            help="Several policies under one name: in each task, the first one that serves it acts. May be repeated.",
        ),
    ] = None,
    tasks: Annotated[
        str | None, typer.Option("--tasks", help="Names of tasks, separated by commas, for a trial. Default: all.")
    ] = None,
    seeds: Annotated[
        int | None, typer.Option("--seeds", "-n", min=1, help="Number of the suite's seeds, for a trial. Default: all.")
    ] = None,
    jobs: JobsOption = 1,
    backend: BackendOption = LOKY,
    address: AddressOption = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for result files.")] = Path("runs/benchmark"),
    overwrite: OverwriteOption = False,
    list_: Annotated[bool, typer.Option("--list", help="Only list the tasks.")] = False,
) -> None:
    """Score policies on the tasks and seeds of the benchmark suite: 0 as random, 1 as the best expert.

    A policy that does not serve a task is scored on the others. The score over tasks is the interquartile mean, with
    those of the reference on the same tasks. Finished episodes are kept in the folder, and the same command continues
    there after an interruption.

    [bold]Examples[/]

      edge-llm-gym benchmark --policy edf

      edge-llm-gym benchmark -p my_package.my_module:make_policy --tasks multi,multi-busy

      edge-llm-gym benchmark --portfolio mine=batching.zip,dto-ee --jobs 2
    """
    terminal = Terminal()
    if list_:
        terminal.sheet(suite_table(SUITE))
        return
    workers = Workers(jobs, backend, address)
    entries = _entries(policy, portfolios)
    folder = writable_folder(out)
    again = f"finished episodes are kept in {out}; run the same command again to go on"
    with progress(terminal=terminal) as shown, advising(lambda: again):
        result = benchmark(
            entries,
            tasks=None if tasks is None else listed(tasks),
            seeds=seeds,
            folder=folder,
            overwrite=overwrite,
            jobs=workers,
            progress=_Advancing(shown.task),
        )
    for sheet in benchmark_sheets(result):
        terminal.sheet(sheet)
    write_text(folder / RESULT, json.dumps(result.to_json(), indent=1) + "\n")
    terminal.wrote(folder / RESULT)


class _Advancing:
    """Begins a task of the progress when the number of episodes is known."""

    def __init__(self, begin: Callable[[str, int], Advance]) -> None:
        self._begin = begin
        self._advance: Advance | None = None

    def __call__(self, done: int, total: int) -> None:
        if self._advance is None:
            self._advance = self._begin("episodes", total)
        self._advance(done)


def suite_table(suite: Suite) -> Sheet:
    """The tasks of a suite."""
    rows = ((task.name, task.environment, task.description) for task in suite.tasks)
    columns = ("task", Column("environment", "left"), Column("setting", "left", folds=True))
    note = f"seeds {suite.seeds[0]} to {suite.seeds[-1]}"
    return make_sheet(f"suite {suite.version}: {len(suite.tasks)} tasks", columns, rows, [note])


def _entries(policies: Iterable[str] | None, portfolios: Iterable[str] | None) -> list[str | Entry]:
    """Raises ValueError where nothing is named."""
    entries: list[str | Entry] = [name for text in policies or () for name in listed(text)]
    entries += map(portfolio, portfolios or ())
    if not entries:
        raise ValueError("benchmark needs a policy, got none; name it with --policy, as in --policy edf")
    return entries
