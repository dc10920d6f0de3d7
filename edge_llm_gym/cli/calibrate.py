"""`edge-llm-gym calibrate`: checks whether a scenario is worth learning."""

import json
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import typer

from edge_llm_gym.cli.options import (
    AddressOption,
    BackendOption,
    ColumnsOption,
    EnvironmentOption,
    FormatOption,
    FromOption,
    JobsOption,
    OverwriteOption,
    RateOption,
    ScenarioOption,
    SeedsOption,
    SetOption,
    TraceOption,
    UntilOption,
    environment_of,
    job_progress,
    read_settings,
    trace_source,
)
from edge_llm_gym.evaluation.calibration import RESOURCES, Check, binding_shares, calibration_checks
from edge_llm_gym.evaluation.compare import compare
from edge_llm_gym.evaluation.comparison import SHARE_OF_BOUND, Comparison
from edge_llm_gym.evaluation.report import share_of_bound_as_json
from edge_llm_gym.evaluation.store import FILE, EpisodeStore
from edge_llm_gym.evaluation.streaming_calibration import STREAMING_EXPERTS, streaming_checks
from edge_llm_gym.evaluation.workers import LOKY, Workers
from edge_llm_gym.files import writable_folder, write_text
from edge_llm_gym.sheets import Cell, Column, Sheet, make_sheet
from edge_llm_gym.sheets.terminal import Terminal

EXPERTS = MappingProxyType(
    {
        "batching": ("ot-gah", "dftsp", "sjf", "edf", "fcfs"),
        "batching_routing": ("ot-gah+dto-ee", "ot-gah", "edf+dto-ee", "edf", "fcfs"),
        "streaming": STREAMING_EXPERTS,
    }
)
"""Dynamics -> experts whose best is checked."""


def show_calibration(
    environment: EnvironmentOption = None,
    seeds: SeedsOption = 30,
    experts: Annotated[
        str | None,
        typer.Option(help="Comma-separated names; the best of them is checked. By default some of each kind."),
    ] = None,
    bound: Annotated[bool, typer.Option(help="Compute the clairvoyant bound, which takes seconds per seed.")] = True,
    scenario: ScenarioOption = None,
    set_: SetOption = None,
    trace: TraceOption = None,
    format: FormatOption = None,
    columns: ColumnsOption = None,
    from_: FromOption = None,
    until: UntilOption = None,
    rate: RateOption = None,
    jobs: JobsOption = 1,
    backend: BackendOption = LOKY,
    address: AddressOption = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the JSON file.")] = Path("runs/calibration"),
    overwrite: OverwriteOption = False,
) -> None:
    """Show the value served by experts and at random, the resources that bind, and the clairvoyant bound.

    A scenario of batches is worth learning if the best expert serves 50 to 85 % of the value and random decisions less
    than half of that, if each resource binds (excludes a waiting request) in at least 10 % of the epochs, and if the
    clairvoyant bound lies at least 5 % above the best expert. Streaming dynamics is worth learning if the nodes are
    busy but not overloaded, if random decisions cost delay, if every exit is used, and if the best expert beats experts
    without its thresholds, without exits and without its routes. The exit status is 1 if a check does not hold.

    Every finished episode is kept beside the JSON file; the same command continues there after an interruption.
    """
    terminal = Terminal()
    workers = Workers(jobs, backend, address)
    source = trace_source(trace, format, columns, from_, until)
    environment = environment_of(environment, scenario)
    resolved, settings = read_settings(environment, scenario, set_, source, rate)
    streaming = resolved.dynamics == "streaming"
    bound = bound and not streaming
    names = [*dict.fromkeys(experts.split(",") if experts else EXPERTS[resolved.dynamics]), "random"]
    name = environment.split("/")[-1]
    store = EpisodeStore(writable_folder(out), overwrite, f"{name}.{FILE}", (f"{name}.json",))
    with job_progress(terminal, seeds * (len(names) + bound), store) as progress:
        result = compare(
            environment,
            names,
            range(seeds),
            scenario=resolved,
            bound=bound,
            jobs=workers,
            progress=progress,
            store=store,
        )
        shares = {}
        if not streaming:
            shares = binding_shares(environment, result.best, range(seeds), settings, store.records, jobs=workers)
    checks = streaming_checks(result) if streaming else calibration_checks(result, shares)
    if result.replay is not None:
        terminal.line(str(result.replay))
    terminal.sheet(_check_table(result, checks))
    if shares:
        terminal.sheet(_resource_table(result.best, shares))
    path = out / f"{name}.json"
    write_text(path, json.dumps(_report(result, checks, shares), indent=1) + "\n")
    terminal.wrote(path)
    if not all(check.holds for check in checks):
        raise typer.Exit(1)


def _report(result: Comparison, checks: list[Check], shares: dict[str, tuple[float, float]]) -> dict[str, Any]:
    """Plain data; undefined numbers become null."""
    plain = [asdict(check) | {"value": check.value if check.value == check.value else None} for check in checks]
    report: dict[str, Any] = {"seeds": len(result.seeds), "seeds_without_requests": list(result.empty_seeds)}
    report |= {"trace": None if result.replay is None else result.replay.as_json()}
    report |= {"checks": plain, "resources": shares}
    return report | ({SHARE_OF_BOUND: share_of_bound_as_json(result)} if result.bounds else {})


def _check_table(result: Comparison, checks: list[Check]) -> Sheet:
    columns = (Column("check", "left", folds=True), "value", Column("target", "left"), Column("holds", "left"))
    rows = ((check.name, _share(check.value), check.target, YES if check.holds else NO) for check in checks)
    return make_sheet(f"{result.environment}, {len(result.seeds)} seeds", columns, rows, (result.empty_note,))


def _resource_table(best: str, shares: dict[str, tuple[float, float]]) -> Sheet:
    title = f"share of epochs in which a resource binds, under {best}"
    rows = [[Cell(name), *map(_share, shares[name])] for name in RESOURCES]
    return make_sheet(title, ("resource", "binds", "is the only cause"), rows)


def _share(value: float) -> Cell:
    return Cell(f"{value:.1%}", value) if value == value else Cell("undefined")


YES, NO = Cell("yes", 1.0, "good"), Cell("no", 0.0, "bad")
