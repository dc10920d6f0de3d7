"""`edge-llm-gym reproduce dftsp|ot-gah|dto-ee`: reconstructs a published study and writes its results page."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn
from rich.table import Table

from edge_llm_gym.evaluation.reproduce import STUDIES, Reproduction, reproduce, write
from edge_llm_gym.evaluation.reproduce.claims import judge
from edge_llm_gym.names import known_name

QUICK_SEEDS = 2


def reproduce_study(
    study: Annotated[str, typer.Argument(help=f"One of: {', '.join(STUDIES)}.")],
    seeds: Annotated[int, typer.Option("--seeds", "-n", min=1, help="Number of tapes.")] = 20,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Processes to share the episodes.")] = 1,
    quick: Annotated[bool, typer.Option("--quick", help="A trial: at most 2 seeds, short episodes.")] = False,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for page, JSON and images; the shipped pages are in docs.")
    ] = Path("runs/reproduce"),
) -> None:
    """Reconstruct a published study, and compare with the abstract's claims.

    [bold]Examples[/]

      edge-llm-gym reproduce dftsp --quick

      edge-llm-gym reproduce ot-gah --seeds 20 --out docs

      edge-llm-gym reproduce dto-ee --seeds 10 --jobs 2
    """
    console = Console()
    chosen = STUDIES[known_name("study", study, STUDIES)]
    if quick:
        chosen, seeds = chosen.shortened(), min(seeds, QUICK_SEEDS)
    columns = (*Progress.get_default_columns(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(f"{study}: episodes", total=None)
        result = reproduce(
            chosen, range(seeds), jobs=jobs, progress=lambda done, of: bar.update(task, completed=done, total=of)
        )
    console.print(_claims_table(result))
    for path in write(result, out, _command(study, seeds, quick)):
        console.print(f"wrote {path}")


def _command(study: str, seeds: int, quick: bool) -> str:
    return f"edge-llm-gym reproduce {study} --seeds {seeds}" + (" --quick" if quick else " --out docs")


def _claims_table(result: Reproduction) -> Table:
    table = Table("claim, in our words", "here", "evidence", title=result.study.title)
    for claim in judge(result):
        table.add_row(claim.text, claim.verdict, claim.evidence)
    return table
