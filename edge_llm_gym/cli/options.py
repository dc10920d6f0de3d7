"""Options that several commands share, and their reading."""

from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from edge_llm_gym.names import known_name
from edge_llm_gym.registration import ENVIRONMENTS
from edge_llm_gym.scenario import Scenario, load_scenario

EnvironmentOption = Annotated[str, typer.Option("--env", "-e", help="Environment id, as in gym.make.")]
ScenarioOption = Annotated[
    str | None, typer.Option("--scenario", help="Shipped scenario or YAML file; the environment's own by default.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="Override by dotted path, e.g. --set arrivals.rate_per_s=8. May be repeated."),
]
TraceOption = Annotated[
    Path | None,
    typer.Option("--trace", help="Replay a request trace (CSV or JSONL) instead of the scenario's workload."),
]
RateOption = Annotated[
    float | None, typer.Option("--rate", help="Mean arrivals per second; a trace is stretched to it.")
]


def read_settings(
    environment: str, scenario: str | None, overrides: list[str] | None, trace: Path | None, rate: float | None
) -> tuple[Scenario, dict[str, Any]]:
    """The scenario that the options ask for, checked, and the arguments for gym.make."""
    known_name("environment", environment, ENVIRONMENTS)
    source = scenario or ENVIRONMENTS[environment]
    changes = dict(_override(text) for text in overrides or [])
    if rate is not None:
        changes["arrivals.rate_per_s"] = rate
    resolved = load_scenario(source, changes)
    if trace is not None:
        resolved = load_scenario(resolved, trace_overrides(resolved, trace))
    return resolved, {"scenario": resolved}


def trace_overrides(scenario: Scenario, trace: Path) -> dict[str, Any]:
    """Overrides that replay a trace at the scenario's own rate, its lengths cut to the scenario's limits."""
    limits = {key: getattr(scenario.lengths, key) for key in ("max_prompt_tokens", "max_output_tokens")}
    return {
        "arrivals": {"process": "trace", "file": str(trace), "rate_per_s": scenario.arrivals.rate_per_s},
        "lengths": {"kind": "trace", **limits},
    }


def _override(text: str) -> tuple[str, Any]:
    """path and value of path=value; the value is read as YAML, so numbers are numbers."""
    path, equals, value = text.partition("=")
    if not equals or not path:
        raise ValueError(f"--set takes path=value, as in arrivals.rate_per_s=8, got {text!r}")
    return path.strip(), yaml.safe_load(value)
