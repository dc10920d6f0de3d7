"""`edge-llm-gym compare`: compares policies on common tapes; prints tables and writes files and figures."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import gymnasium
import typer

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
    RateOption,
    RewardOption,
    ScenarioOption,
    SeedsOption,
    SetOption,
    TraceOption,
    UntilOption,
    describe_replay,
    environment_of,
    job_progress,
    listed,
    own_functions,
    read_settings,
    trace_source,
)
from edge_llm_gym.evaluation import save
from edge_llm_gym.evaluation.compare import compare
from edge_llm_gym.evaluation.comparison import Comparison
from edge_llm_gym.evaluation.html import REPORT, Origin, save_report
from edge_llm_gym.evaluation.html.origin import command_line
from edge_llm_gym.evaluation.plots import NO_FIGURES, has_matplotlib
from edge_llm_gym.evaluation.policies import PolicySource, file_name, policy_sources, with_codec
from edge_llm_gym.evaluation.report import REPORTS
from edge_llm_gym.evaluation.report_layout import default_policies
from edge_llm_gym.evaluation.rollout import run_episode
from edge_llm_gym.evaluation.store import EpisodeStore
from edge_llm_gym.evaluation.tables import comparison_sheets, value_note
from edge_llm_gym.evaluation.workers import LOKY, Workers
from edge_llm_gym.files import writable_folder
from edge_llm_gym.names import known_name
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sheets.terminal import Terminal


def compare_policies(
    environment: EnvironmentOption = None,
    policies: PoliciesOption = None,
    codec: Annotated[
        str | None,
        typer.Option(
            "--codec",
            help="Codec of archives that model.save of Stable-Baselines3 wrote, e.g. parameters or "
            "multidiscrete[levels=5]; sequential for a Sequential id. Such files hold pickles, which can run code: "
            "name only files that you trust.",
        ),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option("--reference", help="One of the policies, to which differences are shown; by default the best."),
    ] = None,
    seeds: SeedsOption = 30,
    first_seed: FirstSeedOption = 0,
    scenario: ScenarioOption = None,
    set_: SetOption = None,
    trace: TraceOption = None,
    format: FormatOption = None,
    columns: ColumnsOption = None,
    from_: FromOption = None,
    until: UntilOption = None,
    rate: RateOption = None,
    reward: RewardOption = None,
    features: FeaturesOption = None,
    gap: Annotated[
        int,
        typer.Option("--gap", min=0, help="Measure the gap to the exact optimum in every GAP-th epoch; 0 for never."),
    ] = 0,
    bound: Annotated[bool, typer.Option("--bound", help="Add the clairvoyant bound of every tape.")] = False,
    jobs: JobsOption = 1,
    backend: BackendOption = LOKY,
    address: AddressOption = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for result files.")] = Path("runs/compare"),
    overwrite: OverwriteOption = False,
) -> None:
    """Compare policies with common random numbers (paired seeds).

    Every finished episode is kept in episodes.jsonl in the folder. The same command, also with further seeds and
    policies, continues there after an interruption. The results of another comparison are replaced only with
    --overwrite.

    [bold]Examples[/]

      edge-llm-gym compare -n 10

      edge-llm-gym compare --env EdgeLLM/SingleNode-v0 -p dftsp,edf,random --set arrivals.rate_per_s=3

      edge-llm-gym compare --trace AzureLLMInferenceTrace_conv.csv -p ot-gah,my_package.my_module:make_policy
    """
    terminal = Terminal()
    workers = Workers(jobs, backend, address)
    source = trace_source(trace, format, columns, from_, until)
    environment = environment_of(environment, scenario)
    resolved, settings = read_settings(environment, scenario, set_, source, rate)
    own = own_functions(reward, features)
    names = default_policies(resolved.variant) if policies is None else listed(policies)
    compared = with_codec(names, codec)
    sources = {source.name: source for source in policy_sources(compared, resolved)}
    if reference is not None:
        known_name("policy", reference, list(sources))
    store = EpisodeStore(writable_folder(out), overwrite, results=(*REPORTS, REPORT))
    workload = describe_workload(terminal, environment, {**settings, **own}, first_seed)
    with job_progress(terminal, seeds * (len(names) + bound), store) as progress:
        result = compare(
            environment,
            compared,
            range(first_seed, first_seed + seeds),
            scenario=resolved,
            gap_every=gap or None,
            bound=bound,
            jobs=workers,
            progress=progress,
            store=store,
            **own,
        )
    result = replace(result, against=reference)
    for sheet in comparison_sheets(result):
        terminal.sheet(sheet)
    if gap or bound:
        terminal.note(value_note(resolved))
    write_results(terminal, result, sources, resolved, out)
    origin = Origin(resolved, workload, {"gap": gap, "bound": bound, **own}, command_line())
    terminal.wrote(save_report(result, origin, out, report_figures(result, out)))


def write_results(
    terminal: Terminal, result: Comparison, sources: Mapping[str, PolicySource], scenario: Scenario, out: Path
) -> None:
    """Writes the tables and, where there are figures, the timeline of the best expert."""
    for path in save(result, out):
        terminal.wrote(path)
    if has_matplotlib():
        terminal.wrote(save_best_timeline(result, sources, result.environment, scenario, out))
    else:
        terminal.note(f"figures are left out: {NO_FIGURES}")


def describe_workload(terminal: Terminal, environment: str, settings: dict[str, Any], seed: int) -> str:
    """Prints the scenario, the workload and how many lengths of the first tape are clipped; returns the workload."""
    env = gymnasium.make(environment, **settings)
    _, info = env.reset(seed=seed)
    scenario, tape = env.unwrapped.scenario, info["tape"]  # type: ignore[attr-defined]
    terminal.parts((environment, "bold"), (f", scenario {scenario.name}: {scenario.description}", ""))
    simulator = env.unwrapped.simulator  # type: ignore[attr-defined]
    workload: str = simulator.tape_generator.workload.describe()
    terminal.line(f"workload: {workload}")
    describe_replay(terminal, simulator)
    terminal.line(
        f"first tape: {tape['requests']} requests; lengths clipped to the scenario's limits: {tape['clipped_prompts']} "
        f"prompts (over {scenario.lengths.max_prompt_tokens}), {tape['clipped_outputs']} outputs "
        f"(over {scenario.lengths.max_output_tokens})"
    )
    terminal.line()
    return workload


def report_figures(comparison: Comparison, out: Path) -> dict[str, Path]:
    """Caption -> PNG file of those figures of the report that were drawn."""
    name = timeline_policy(comparison)
    figures = {
        "Means of the policies, and paired differences": out / REPORTS[2],
        f"Episode of seed {comparison.seeds[0]} under {name}": timeline_path(name, out),
    }
    return {caption: path for caption, path in figures.items() if has_matplotlib() and path.exists()}


def timeline_policy(comparison: Comparison) -> str:
    """The best expert, of which the timeline is drawn; the first default policy if no expert was compared."""
    experts = [name for name in comparison.policies if ":" not in name]
    return experts[0] if experts else default_policies(comparison.dynamics)[0]


def timeline_path(name: str, out: Path) -> Path:
    """The file of a policy's timeline."""
    return out / f"timeline-{file_name(name)}.png"


def save_best_timeline(
    comparison: Comparison, sources: Mapping[str, PolicySource], environment: str, scenario: Scenario, out: Path
) -> Path:
    """Draws the timeline of the first seed's episode under the best expert; returns the path of the file."""
    from edge_llm_gym.rendering.timeline import save_timeline

    name = timeline_policy(comparison)
    env = gymnasium.make(environment, scenario=scenario)
    source = sources[name] if name in sources else policy_sources([name])[0]
    run_episode(env, source.make(env, comparison.seeds[0]), comparison.seeds[0])
    path = timeline_path(name, out)
    caption = f"{name}, seed {comparison.seeds[0]}"
    save_timeline(env.unwrapped.simulator, 0, path, caption)  # type: ignore[attr-defined]
    return path
