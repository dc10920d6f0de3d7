"""`edge-llm-gym trace FILE`: what a trace holds, and how it becomes a workload."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from edge_llm_gym.cli.options import EnvironmentOption, RateOption, ScenarioOption, read_settings, trace_overrides
from edge_llm_gym.scenario import Scenario, load_scenario
from edge_llm_gym.workload.traces import Trace, clip_lengths, describe, read_trace, timestamp_resolution_s


def show_trace(
    file: Annotated[Path, typer.Argument(help="CSV or JSONL of requests.")],
    format: Annotated[
        str | None, typer.Option(help="azure, mooncake, burstgpt, vidur or own; detected when left out.")
    ] = None,
    environment: EnvironmentOption = "EdgeLLM/MultiNode-v0",
    scenario: ScenarioOption = None,
    rate: RateOption = None,
) -> None:
    """Show what a trace holds and how a scenario would replay it."""
    console = Console()
    trace = read_trace(file, format)
    table = Table("figure", "value", title=f"{trace.name}: {trace.requests} requests")
    for name, value in describe(trace).items():
        table.add_row(name, f"{value:,.6g}")
    console.print(table)
    for note in trace.notes:
        console.print(f"note: {note}")
    resolved, _ = read_settings(environment, scenario, None, None, rate)
    console.print(*_as_workload(trace, file, resolved), sep="\n")


def _as_workload(trace: Trace, file: Path, scenario: Scenario) -> list[str]:
    """How the trace becomes the workload of a scenario, in words."""
    limits = scenario.lengths
    _, clipped = clip_lengths(trace, limits.max_prompt_tokens, limits.max_output_tokens)
    replayed = load_scenario(scenario, trace_overrides(scenario, file))
    rate = replayed.arrivals.rate_per_s or trace.rate_per_s
    episode_s = (scenario.horizon_epochs + 1) * scenario.epoch_s
    resolution_s = timestamp_resolution_s(trace)
    lines = [
        f"\nas the workload of scenario {scenario.name}:",
        f"  rate: {trace.rate_per_s:.3g}/s in the file, replayed at {rate:.3g}/s "
        f"(time stretched by {trace.rate_per_s / rate:.3g})",
        f"  lengths: {clipped.prompts} prompts over {limits.max_prompt_tokens} and {clipped.outputs} outputs over "
        f"{limits.max_output_tokens} tokens are cut to these limits",
        f"  episodes: windows of {episode_s:g} s from random starts, about {rate * episode_s:.0f} requests each",
    ]
    if resolution_s >= 1e-2:
        lines.append(
            f"  clock: timestamps come in steps of {resolution_s:g} s; "
            f"arrivals.jitter_s={resolution_s:g} spreads what they make coincide"
        )
    return lines
