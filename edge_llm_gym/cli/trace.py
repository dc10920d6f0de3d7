"""`edge-llm-gym trace FILE`: describes a trace, and how a scenario would replay it."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from edge_llm_gym.cli.options import (
    OWN_RATE,
    ColumnsOption,
    EnvironmentOption,
    FormatOption,
    FromOption,
    RateOption,
    ScenarioOption,
    UntilOption,
    environment_of,
    read_settings,
    trace_overrides,
    trace_source,
)
from edge_llm_gym.scenario import Scenario, load_scenario
from edge_llm_gym.sheets import Cell, make_sheet
from edge_llm_gym.sheets.terminal import Terminal
from edge_llm_gym.workload import RecordedLengths, Trace, describe
from edge_llm_gym.workload.lengths import LengthLimits, TokenCounts
from edge_llm_gym.workload.trace_reading import read_requests
from edge_llm_gym.workload.traces import describe_lengths, timestamp_resolution_s

MAX_EPOCHS: Final = 100_000
"""Greatest horizon_epochs of a scenario."""


def show_trace(
    file: Annotated[Path, typer.Argument(help="CSV or JSON file of requests; gzip, bzip2, xz and zip are unpacked.")],
    format: FormatOption = None,
    columns: ColumnsOption = None,
    from_: FromOption = None,
    until: UntilOption = None,
    environment: EnvironmentOption = None,
    scenario: ScenarioOption = None,
    rate: RateOption = None,
) -> None:
    """Describe a trace, and how a scenario would replay it.

    [bold]Examples[/]

      edge-llm-gym trace AzureLLMInferenceTrace_conv.csv --from 600 --until 1200

      edge-llm-gym trace AzureLLMInferenceTrace_conv.csv --from "2023-11-16 18:30:00"

      edge-llm-gym trace log.csv.gz --columns arrival_ms=ts,prompt_tokens=in,output_tokens=out
    """
    terminal = Terminal()
    source = trace_source(file, format, columns, from_, until)
    assert source is not None
    requests = read_requests(source)
    statistics = describe(requests) if isinstance(requests, Trace) else describe_lengths(requests)
    rows = ((name, _number(value)) for name, value in statistics.items())
    terminal.sheet(make_sheet(f"{requests.name}: {requests.requests} requests", ("statistic", "value"), rows))
    for note in requests.notes:
        terminal.line(f"note: {note}")
    own_rate = rate == OWN_RATE
    resolved, _ = read_settings(environment_of(environment, scenario), scenario, None, None, None if own_rate else rate)
    overrides = trace_overrides(resolved, source, own_rate=own_rate)
    terminal.line(f"as the workload of scenario {resolved.name}:")
    for line in _as_workload(requests, overrides, resolved):
        terminal.line(line)


def _number(value: float) -> Cell:
    """Whole numbers with all digits, others with six; "-" where a statistic is undefined."""
    if value != value:
        return Cell("-")
    return Cell(f"{value:,.0f}" if float(value).is_integer() else f"{value:,.6g}", value)


def _as_workload(requests: Trace | RecordedLengths, overrides: Mapping[str, Any], scenario: Scenario) -> Sequence[str]:
    """Lines of text on how a scenario uses the requests."""
    if isinstance(requests, RecordedLengths):
        arrivals = f"arrivals: {scenario.arrivals.process}, as in the scenario, since the file has no times"
        return [f"  {arrivals}", _clipping(requests, scenario)]
    return [*_replay(requests, overrides, scenario), *_clock(requests)]


def _replay(trace: Trace, overrides: Mapping[str, Any], scenario: Scenario) -> list[str]:
    replayed = load_scenario(scenario, overrides)
    rate = replayed.arrivals.mean_rate_per_s or trace.rate_per_s
    episode_s = (scenario.horizon_epochs + 1) * scenario.epoch_s
    return [
        f"  rate: {trace.rate_per_s:.3g}/s in the file, replayed at {rate:.3g}/s "
        f"(time rescaled by {trace.rate_per_s / rate:.3g})",
        _clipping(trace, scenario),
        f"  episodes: windows of {episode_s:g} s from random starts, with about {rate * episode_s:.0f} requests each",
        f"  horizon: {_horizon(trace.requests / rate, scenario.epoch_s)}",
    ]


def _horizon(file_s: float, epoch_s: float) -> str:
    """How many epochs an episode may have so that no request is in it twice, in a file that lasts `file_s`."""
    epochs = min(math.floor(file_s / epoch_s) - 1, MAX_EPOCHS)
    if epochs < 1:
        return f"the file lasts {file_s:.4g} s, so that every episode repeats it"
    return f"the file lasts {file_s:.4g} s; up to horizon_epochs={epochs}, no episode has a request twice"


def _clipping(requests: Trace | RecordedLengths, scenario: Scenario) -> str:
    limits = scenario.lengths
    _, clipped = LengthLimits(limits.max_prompt_tokens, limits.max_output_tokens).clip(
        TokenCounts(requests.prompt_tokens, requests.output_tokens)
    )
    return (
        f"  lengths: {clipped.prompts} prompts over {limits.max_prompt_tokens} and {clipped.outputs} outputs over "
        f"{limits.max_output_tokens} tokens are clipped to these limits"
    )


def _clock(trace: Trace) -> list[str]:
    resolution_s = timestamp_resolution_s(trace)
    if resolution_s < 1e-2:
        return []
    return [
        f"  clock: timestamps are multiples of {resolution_s:g} s; "
        f"arrivals.jitter_s={resolution_s:g} spreads coinciding arrivals"
    ]
