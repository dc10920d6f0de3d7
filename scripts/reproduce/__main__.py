"""`python -m scripts.reproduce dftsp|ot-gah|dto-ee`: reproduces a published study and writes its results page."""

import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final

import typer
from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn

from agents.command import run_cli
from edge_llm_gym.cli.options import AddressOption, BackendOption, JobsOption
from edge_llm_gym.evaluation.workers import LOKY, Workers
from edge_llm_gym.interrupts import exit_status
from edge_llm_gym.names import known_name
from edge_llm_gym.sheets import Column, Sheet, make_sheet
from edge_llm_gym.sheets.terminal import Terminal
from scripts.reproduce import dftsp, dto_ee, ot_gah
from scripts.reproduce.claims import Claim
from scripts.reproduce.page import Target, write
from scripts.reproduce.reproduction import Reproduction
from scripts.reproduce.running import Results

QUICK_SEEDS: Final = 2
DOCS, TRIALS = Path("docs"), Path("runs/reproduce")
REPRODUCTIONS: Final[Mapping[str, Reproduction[Any, Any]]] = MappingProxyType(
    {module.REPRODUCTION.study.name: module.REPRODUCTION for module in (dftsp, ot_gah, dto_ee)}
)
"""Reproduction by the name of the study."""
app = typer.Typer(rich_markup_mode="rich", add_completion=False, pretty_exceptions_enable=False)


@app.command()
def reproduce(
    study: Annotated[str, typer.Argument(help=f"One of: {', '.join(REPRODUCTIONS)}.")],
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
            help=f"Folder of results/reproduction-STUDY.md (and .json) and images/. By default {DOCS}, which replaces "
            f"the published page; {TRIALS} for a trial run.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Reproduce a published study and compare it with the claims of its abstract.

    [bold]Examples[/]

      python -m scripts.reproduce dftsp --quick

      python -m scripts.reproduce ot-gah --seeds 10

      python -m scripts.reproduce dto-ee --seeds 10 --jobs 2
    """
    terminal, workers = Terminal(), Workers(jobs, backend, address)
    chosen = _chosen(study)
    if quick:
        chosen, seeds = chosen.shortened(), min(seeds, QUICK_SEEDS)
    target = Target.below(out or (TRIALS if quick else DOCS)).prepared()
    results = _run(chosen, seeds, workers, terminal)
    terminal.sheet(_claims_table(study, chosen.judge(results)))
    command = f"python -m scripts.reproduce {study} --seeds {seeds}" + (" --quick" if quick else "")
    for path in write(chosen, results, target, command):
        terminal.wrote(path)


def _chosen(study: str) -> Reproduction[Any, Any]:
    try:
        return REPRODUCTIONS[known_name("study", study, REPRODUCTIONS)]
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _run(chosen: Reproduction[Any, Any], seeds: int, workers: Workers, terminal: Terminal) -> Results:
    columns = (*Progress.get_default_columns(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=terminal.console, transient=True) as bar:
        task = bar.add_task(f"{chosen.study.name}: episodes", total=None)
        results: Results = chosen.reproduce(
            range(seeds), jobs=workers, progress=lambda done, of: bar.update(task, completed=done, total=of)
        )
    return results


def _claims_table(study: str, claims: list[Claim]) -> Sheet:
    columns = (Column("claim of the abstract", "left"), Column("verdict", "left", folds=True))
    return make_sheet(study, columns, ((claim.name.replace("_", " "), claim.verdict) for claim in claims))


if __name__ == "__main__":
    sys.exit(exit_status(lambda: run_cli(lambda: app(prog_name="python -m scripts.reproduce"))))
