"""`edge-llm-gym sweep`: compares policies over one or two parameters of a scenario; prints tables and writes files."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from edge_llm_gym.cli.completion import complete_metrics, complete_policy
from edge_llm_gym.cli.options import (
    AddressOption,
    BackendOption,
    ColumnsOption,
    EnvironmentOption,
    FeaturesOption,
    FirstSeedOption,
    FormatOption,
    FromOption,
    JobsOption,
    OverwriteOption,
    PoliciesOption,
    RewardOption,
    ScenarioOption,
    SeedsOption,
    TraceOption,
    UntilOption,
    environment_of,
    job_progress,
    listed,
    own_functions,
    read_overrides,
    resolved_scenario,
    split_override,
    trace_source,
)
from edge_llm_gym.evaluation.html import REPORT, Origin
from edge_llm_gym.evaluation.html.origin import command_line
from edge_llm_gym.evaluation.plots import NO_FIGURES, has_matplotlib
from edge_llm_gym.evaluation.policies import policy_sources
from edge_llm_gym.evaluation.report_layout import default_policies
from edge_llm_gym.evaluation.store import EpisodeStore
from edge_llm_gym.evaluation.sweeps.files import RESULTS, save_sweep
from edge_llm_gym.evaluation.sweeps.grid import Grid, make_grid, value_text
from edge_llm_gym.evaluation.sweeps.report import save_sweep_report
from edge_llm_gym.evaluation.sweeps.result import Sweep, checked_metrics
from edge_llm_gym.evaluation.sweeps.running import PreparedSweep, merged
from edge_llm_gym.evaluation.sweeps.tables import sweep_sheets
from edge_llm_gym.evaluation.workers import LOKY, Workers
from edge_llm_gym.files import writable_folder
from edge_llm_gym.messages import quoted
from edge_llm_gym.names import known_name
from edge_llm_gym.sheets.terminal import Terminal
from edge_llm_gym.yaml_text import YamlError, parse_yaml


def sweep_scenarios(
    environment: EnvironmentOption = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Override by dotted path. Several values, separated by commas, are swept, as in --set "
            "arrivals.rate_per_s=1,2,4,8; one or two parameters take several. Values with commas of their own are "
            "written in brackets or quotes. May be repeated.",
        ),
    ] = None,
    policies: PoliciesOption = None,
    metrics: Annotated[
        str | None,
        typer.Option(
            "--metrics",
            "-m",
            help="Comma-separated: metrics of the tables and figures, by their names in episodes.csv. Default: the "
            "first two of the figure of compare.",
            autocompletion=complete_metrics,
        ),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(
            "--reference",
            help="Policy that the others are compared with. Default: the first one.",
            autocompletion=complete_policy,
        ),
    ] = None,
    seeds: SeedsOption = 30,
    first_seed: FirstSeedOption = 0,
    scenario: ScenarioOption = None,
    trace: TraceOption = None,
    format: FormatOption = None,
    columns: ColumnsOption = None,
    from_: FromOption = None,
    until: UntilOption = None,
    rate: Annotated[
        str | None,
        typer.Option(
            "--rate",
            metavar="NUMBER,...|own",
            help="Mean arrivals per second; several, separated by commas, are swept, as with --set "
            "arrivals.rate_per_s=1,2,4. 'own' keeps the rate of a trace. Default: the scenario's rate.",
        ),
    ] = None,
    reward: RewardOption = None,
    features: FeaturesOption = None,
    jobs: JobsOption = 1,
    backend: BackendOption = LOKY,
    address: AddressOption = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for result files.")] = Path("runs/sweep"),
    overwrite: OverwriteOption = False,
) -> None:
    """Compare policies over one or two parameters of a scenario, on the same seeds at every point.

    Writes tables (CSV, JSON, Markdown), a figure and a report. Every finished episode is kept in episodes.jsonl in the
    folder: the same command, also with further seeds, policies and values, continues there after an interruption.

    [bold]Examples[/]

      edge-llm-gym sweep --rate 1,2,4,8 -p ot-gah,edf -n 10

      edge-llm-gym sweep --set arrivals.rate_per_s=4,8 --set nodes.0.memory_fraction=0.2,0.3 -p ot-gah,edf -n 10

      edge-llm-gym sweep --scenario early-exit --set 'requests.accuracy=[0.6,0.8],[0.8,0.95]' -m reward,accuracy
    """
    terminal = Terminal()
    workers = Workers(jobs, backend, address)
    source = trace_source(trace, format, columns, from_, until)
    chosen = environment_of(environment, scenario)
    given, rate = with_rates(set_, rate)
    fixed, swept = read_sweep(given)
    grid = make_grid(swept, lambda values: resolved_scenario(chosen, scenario, merged(fixed, values), source, rate))
    own = own_functions(reward, features)
    prepared = PreparedSweep.of(chosen, policy_names(policies, grid), grid, own)
    names = tuple(source.name for source in prepared.points[0].sources)
    shown = None if metrics is None else checked_metrics(listed(metrics), prepared.metrics)
    if reference is not None:
        known_name("policy", reference, names)
    store = EpisodeStore(writable_folder(out), overwrite, results=(*RESULTS, REPORT))
    describe(terminal, prepared, seeds)
    with job_progress(terminal, len(grid.points) * len(names) * seeds, store) as progress:
        result = prepared.run(
            range(first_seed, first_seed + seeds), store=store, workers=workers, progress=progress
        ).shown(shown, reference)
    for sheet in sweep_sheets(result):
        terminal.sheet(sheet)
    write_results(terminal, result, prepared, out, own)


def with_rates(texts: Iterable[str] | None, rate: str | None) -> tuple[list[str], str | None]:
    """The texts of --set and that of --rate, of which several rates become a text of --set."""
    if rate is None or "," not in rate:
        return list(texts or ()), rate
    return [*(texts or ()), f"arrivals.rate_per_s={rate}"], None


def read_sweep(texts: Iterable[str] | None) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """Fixed overrides and swept values, both by path, of texts "path=value" and "path=value,value,...".

    Raises ValueError for other texts, for invalid YAML, for a path that is swept twice, and where nothing is swept.
    """
    fixed: list[str] = []
    swept: dict[str, list[Any]] = {}
    for text in texts or ():
        path, values = _swept(text)
        if len(values) < 2:
            fixed.append(text)
        elif path in swept:
            raise ValueError(f"--set sweeps {quoted(path)} twice; give all of its values in one --set")
        else:
            swept[path] = values
    if not swept:
        raise ValueError(
            f"a sweep needs a parameter with several values, as in --set slots=16,32 or --rate 1,2,4,8, got "
            f"{quoted(list(texts or ()))}; compare runs a single point"
        )
    return read_overrides(fixed), swept


def _swept(text: str) -> tuple[str, list[Any]]:
    """Path and values of "path=value,value,..."; no values for what is no list when put into brackets."""
    path, values = split_override(text)
    try:
        found = parse_yaml(f"[{values}\n]")
    except YamlError:  # its error, if it is one, is that of a single value
        return path, []
    return path, found if isinstance(found, list) else []


def policy_names(policies: str | None, grid: Grid) -> list[str]:
    """Names of the policies, all of which are known."""
    scenario = grid.points[0].scenario
    names = default_policies(scenario.variant) if policies is None else listed(policies)
    policy_sources(names, scenario)
    return names


def describe(terminal: Terminal, prepared: PreparedSweep, seeds: int) -> None:
    """Prints the scenario, the swept values, how a trace is replayed at each point, and the number of episodes."""
    scenario, points = prepared.points[0].scenario, len(prepared.points)
    terminal.parts((prepared.environment, "bold"), (f", scenario {scenario.name}: {scenario.description}", ""))
    for parameter in prepared.grid.parameters:
        terminal.line(f"{parameter.path}: {', '.join(map(value_text, parameter.values))}")
    for point, each in zip(prepared.grid.points, prepared.points, strict=True):
        if each.replay is not None:
            terminal.line(f"{point.label}: {each.replay}")
    policies = len(prepared.points[0].sources)
    terminal.line(f"points: {points}, policies: {policies}, seeds: {seeds}, episodes: {points * policies * seeds}")
    terminal.line()


def write_results(
    terminal: Terminal, result: Sweep, prepared: PreparedSweep, out: Path, own: Mapping[str, Any]
) -> None:
    """Writes all files, and prints their paths and what is left out."""
    written = save_sweep(result, out)
    for path in written:
        terminal.wrote(path)
    if not has_matplotlib():
        terminal.note(f"figures are left out: {NO_FIGURES}")
    pictures = [path for path in written if path.suffix == ".png"]
    figures = {"Means and paired differences": pictures[0]} if pictures else {}
    origin = Origin(prepared.points[0].scenario, _workload(prepared), own, command_line())
    terminal.wrote(save_sweep_report(result, origin, out, figures))


def _workload(prepared: PreparedSweep) -> str:
    """The workload of the first point in words."""
    simulator = prepared.points[0].setup.make().unwrapped.simulator  # type: ignore[attr-defined]
    text: str = simulator.tape_generator.workload.describe()
    return text
