"""`edge-llm-gym compare`: policies on common tapes, as a table, files and pictures."""

import sys
from pathlib import Path
from typing import Annotated, Any

import gymnasium
import typer
from rich.console import Console
from rich.markup import escape
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
from edge_llm_gym.evaluation import save
from edge_llm_gym.evaluation.compare import Comparison, compare
from edge_llm_gym.evaluation.measures import MEASURES, Columns
from edge_llm_gym.evaluation.policies import file_name, policy_sources
from edge_llm_gym.evaluation.rollout import run_episode
from edge_llm_gym.scenario import Scenario

NARROWEST = 124


def compare_policies(
    environment: EnvironmentOption = "EdgeLLM/MultiNode-v0",
    policies: Annotated[
        str | None,
        typer.Option(
            "--policies",
            "-p",
            help="Comma-separated: expert names, package.module:factory, archives of trained policies. "
            "By default an expert and the baselines that fit the environment.",
        ),
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", "-n", min=1, help="Number of paired seeds.")] = 30,
    first_seed: Annotated[int, typer.Option(help="The first of them.", min=0)] = 0,
    scenario: ScenarioOption = None,
    set_: SetOption = None,
    trace: TraceOption = None,
    rate: RateOption = None,
    gap: Annotated[
        int,
        typer.Option("--gap", min=0, help="Measure the gap to the exact optimum of every so many epochs; 0: never."),
    ] = 0,
    bound: Annotated[bool, typer.Option("--bound", help="Add the clairvoyant bound of every tape.")] = False,
    jobs: Annotated[int, typer.Option("--jobs", "-j", help="Processes to share the episodes.")] = 1,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for CSV, JSON and PNG.")] = Path("runs/compare"),
) -> None:
    """Compare policies on common tapes (paired seeds).

    [bold]Examples[/]

      edge-llm-gym compare -n 10

      edge-llm-gym compare --env EdgeLLM/SingleNode-v0 -p dftsp,edf,random --set arrivals.rate_per_s=3

      edge-llm-gym compare --trace AzureLLMInferenceTrace_conv.csv -p ot-gah,my_package.my_module:make_policy
    """
    console = wide_console()
    sys.path.insert(0, "")  # a policy of one's own is found from the working directory
    resolved, settings = read_settings(environment, scenario, set_, trace, rate)
    chosen = MEASURES[resolved.dynamics].policies if policies is None else policies
    names = [name.strip() for name in chosen.split(",") if name.strip()]
    policy_sources(names)
    describe_workload(console, environment, settings, first_seed)
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("episodes", total=seeds * (len(names) + bound))
        result = compare(
            environment,
            names,
            range(first_seed, first_seed + seeds),
            scenario=resolved,
            gap_every=gap or None,
            bound=bound,
            jobs=jobs,
            progress=lambda done, _: bar.update(task, completed=done),
        )
    console.print(result_table(result), cause_table(result), sep="\n")
    if gap:
        console.print(gap_table(result))
    if bound:
        console.print(bound_table(result))
    for path in (*save(result, out), save_best_timeline(result, environment, resolved, out)):
        console.print(f"wrote {path}")


def wide_console() -> Console:
    """A console on which the tables fit, also where the output is no terminal."""
    console = Console()
    return Console(width=max(console.width, NARROWEST))


def describe_workload(console: Console, environment: str, settings: dict[str, Any], seed: int) -> None:
    """Says what is replayed or drawn, and aloud how many lengths are cut to the scenario's limits."""
    env = gymnasium.make(environment, **settings)
    _, info = env.reset(seed=seed)
    scenario, tape = env.unwrapped.scenario, info["tape"]  # type: ignore[attr-defined]
    console.print(f"[bold]{environment}[/], scenario {scenario.name}: {scenario.description}")
    console.print(f"workload: {env.unwrapped.simulator.tape_generator.workload.describe()}")  # type: ignore[attr-defined]
    console.print(
        f"first tape: {tape['requests']} requests; lengths cut to the scenario's limits: {tape['clipped_prompts']} "
        f"prompts (over {scenario.lengths.max_prompt_tokens}), {tape['clipped_outputs']} outputs "
        f"(over {scenario.lengths.max_output_tokens})"
    )


def result_table(comparison: Comparison) -> Table:
    """What every policy achieves: means over seeds, the score with its interval and paired to the best policy's."""
    title = f"{comparison.environment}: {len(comparison.seeds)} paired seeds, 95 % bootstrap intervals"
    measures = comparison.measures
    figure, heading, form = measures.headline
    paired = f"{measures.score_title} - {comparison.best}"
    table = _table(title, heading, paired, *_titles(measures.columns))
    for policy in comparison.policies:
        mean = comparison.mean(policy, figure)
        first = f"{form.format(mean.mean)} [{form.format(mean.low)}, {form.format(mean.high)}]"
        cells = _cells(comparison, policy, measures.columns)
        table.add_row(escape(policy), first, _difference(comparison, policy), *cells)
    return table


def cause_table(comparison: Comparison) -> Table:
    """Requests per episode that were not served, and refusals, by cause."""
    measures = comparison.measures
    table = _table(measures.cause_title, *_titles(measures.cause_columns))
    for policy in comparison.policies:
        table.add_row(escape(policy), *_cells(comparison, policy, measures.cause_columns))
    return table


def gap_table(comparison: Comparison) -> Table:
    """What every policy left of the measured epochs' exact optima."""
    table = _table("left unserved of the measured epochs' exact optima", "gap", "epochs", "optima proved")
    for policy in comparison.policies:
        gap, epochs = comparison.mean(policy, "gap"), comparison.samples(policy, "gap_epochs").sum()
        cell = f"{gap.mean:.2%} [{gap.low:.2%}, {gap.high:.2%}]"
        table.add_row(escape(policy), cell, f"{epochs:.0f}", f"{comparison.mean(policy, 'gap_proved').mean:.1%}")
    return table


def bound_table(comparison: Comparison) -> Table:
    """What every policy serves of what no policy can exceed."""
    mean = sum(comparison.bounds) / len(comparison.bounds)
    table = _table(f"served value over the clairvoyant bound, on average {mean:.1f} a tape", "share of the bound")
    for policy in comparison.policies:
        share = comparison.share_of_bound(policy)
        table.add_row(escape(policy), f"{share.mean:.1%} [{share.low:.1%}, {share.high:.1%}]")
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title)
    table.add_column("policy", style="bold", no_wrap=True)
    for column in columns:
        table.add_column(column.replace("[", r"\["), justify="right", no_wrap=True)
    return table


def _titles(columns: Columns) -> list[str]:
    return [title for _, title, _ in columns]


def _cells(comparison: Comparison, policy: str, columns: Columns) -> list[str]:
    means = ((comparison.mean(policy, metric).mean, form) for metric, _, form in columns)
    return ["-" if mean != mean else form.format(mean) for mean, form in means]


def _difference(comparison: Comparison, policy: str) -> str:
    if policy == comparison.best:
        return "best"
    interval = comparison.difference(policy)
    return f"{interval.mean:+.1f} [{interval.low:+.1f}, {interval.high:+.1f}]"


def save_best_timeline(comparison: Comparison, environment: str, scenario: Scenario, out: Path) -> Path:
    """Draws who serves whom over the first seed's episode under the best expert."""
    from edge_llm_gym.rendering.timeline import save_timeline

    experts = [name for name in comparison.policies if ":" not in name]
    name = experts[0] if experts else comparison.measures.policies.split(",")[0]
    env = gymnasium.make(environment, scenario=scenario)
    (source,) = policy_sources([name])
    run_episode(env, source.make(env, comparison.seeds[0]), comparison.seeds[0])
    path = out / f"timeline-{file_name(name)}.png"
    save_timeline(env.unwrapped.simulator, 0, path)  # type: ignore[attr-defined]
    return path
