"""`python -m scripts.energy`: runs the sweep of prices and writes its results page."""

import sys
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn

from agents.command import run_cli
from edge_llm_gym.cli.options import AddressOption, BackendOption, JobsOption
from edge_llm_gym.evaluation.workers import LOKY, Workers
from edge_llm_gym.interrupts import exit_status
from edge_llm_gym.sheets.terminal import Terminal
from scripts.energy.page import write
from scripts.energy.study import QUICK, CaseResult, Study, run
from scripts.reproduce.page import Target

QUICK_SEEDS: Final = 2
DOCS, TRIALS = Path("docs"), Path("runs/energy")
app = typer.Typer(rich_markup_mode="rich", add_completion=False, pretty_exceptions_enable=False)


@app.command()
def energy(
    seeds: Annotated[int, typer.Option("--seeds", "-n", min=1, help="Number of seeds.")] = 20,
    jobs: JobsOption = 1,
    backend: BackendOption = LOKY,
    address: AddressOption = None,
    quick: Annotated[bool, typer.Option("--quick", help="A trial run: at most 2 seeds, short episodes.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help=f"Folder of results/energy.md (and .json) and images/. By default {DOCS}, replacing the published "
            f"page; {TRIALS} for a trial run.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Measure value served against energy per served request under a sweep of prices of energy.

    [bold]Examples[/]

      python -m scripts.energy --quick

      python -m scripts.energy --seeds 20 --jobs 2
    """
    terminal, workers = Terminal(), Workers(jobs, backend, address)
    study, count = (QUICK, min(seeds, QUICK_SEEDS)) if quick else (Study(), seeds)
    target = Target.below(out or (TRIALS if quick else DOCS)).prepared()
    results = _run(study, range(count), workers, terminal)
    command = f"python -m scripts.energy --seeds {count}" + (" --quick" if quick else "")
    for path in write(study, results, range(count), target, command):
        terminal.wrote(path)


def _run(study: Study, seeds: range, workers: Workers, terminal: Terminal) -> list[CaseResult]:
    columns = (*Progress.get_default_columns(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=terminal.console, transient=True) as bar:
        task = bar.add_task("episodes", total=None)
        return run(study, seeds, jobs=workers, progress=lambda done, of: bar.update(task, completed=done, total=of))


if __name__ == "__main__":
    sys.exit(exit_status(lambda: run_cli(lambda: app(prog_name="python -m scripts.energy"))))
