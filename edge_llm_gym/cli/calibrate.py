"""`edge-llm-gym calibrate`: is a scenario worth learning?"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from edge_llm_gym.cli.options import (
    EnvironmentOption,
    RateOption,
    ScenarioOption,
    SetOption,
    TraceOption,
    read_settings,
)
from edge_llm_gym.evaluation.calibration import RESOURCES, Check, binding_shares, calibration_checks
from edge_llm_gym.evaluation.compare import compare

EXPERTS = "ot-gah,dftsp,sjf,edf,fcfs"


def show_calibration(
    environment: EnvironmentOption = "EdgeLLM/MultiNode-v0",
    seeds: Annotated[int, typer.Option("--seeds", "-n", min=1)] = 30,
    experts: Annotated[str, typer.Option(help="Comma-separated; the best of them counts.")] = EXPERTS,
    bound: Annotated[bool, typer.Option(help="Include the clairvoyant bound, seconds a seed.")] = True,
    scenario: ScenarioOption = None,
    set_: SetOption = None,
    trace: TraceOption = None,
    rate: RateOption = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j")] = 1,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the JSON.")] = Path("runs/calibration"),
) -> None:
    """Show what the best expert and chance achieve, which resources bind, and what a clairvoyant may add at most.

    In a scenario worth learning the best expert serves 50-85 % of the value and chance less than half of that, each
    resource refuses somebody in 10 % of the epochs or more, and the clairvoyant bound lies 5 % or more above the best
    expert. Exit status 1 where a check does not hold.
    """
    console = Console()
    resolved, settings = read_settings(environment, scenario, set_, trace, rate)
    names = [*dict.fromkeys(experts.split(",")), "random"]
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("episodes", total=seeds * (len(names) + bound))
        result = compare(
            environment,
            names,
            range(seeds),
            scenario=resolved,
            bound=bound,
            jobs=jobs,
            progress=lambda done, _: bar.update(task, completed=done),
        )
        shares = binding_shares(environment, result.best, range(seeds), settings)
    checks = calibration_checks(result, shares)
    console.print(_check_table(environment, seeds, checks), _resource_table(result.best, shares), sep="\n")
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{environment.split('/')[-1]}.json"
    figures = {"seeds": seeds, "checks": [asdict(check) for check in checks], "resources": shares}
    figures |= {"share_of_bound": asdict(result.share_of_bound(result.best))} if bound else {}
    path.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    console.print(f"wrote {path}")
    if not all(check.holds for check in checks):
        raise typer.Exit(1)


def _check_table(environment: str, seeds: int, checks: list[Check]) -> Table:
    table = Table("measure", "value", "wanted", "holds", title=f"{environment}, {seeds} seeds")
    for check in checks:
        table.add_row(check.name, f"{check.value:.1%}", check.wanted, "[green]yes[/]" if check.holds else "[red]no[/]")
    return table


def _resource_table(best: str, shares: dict[str, tuple[float, float]]) -> Table:
    table = Table("resource", "refuses somebody", "and it alone", title=f"share of epochs under {best}")
    for name in RESOURCES:
        table.add_row(name, *(f"{share:.1%}" for share in shares[name]))
    return table
