"""Options shared by several commands, and how they are read."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from edge_llm_gym.messages import quoted
from edge_llm_gym.models.catalogue import ModelSection
from edge_llm_gym.models.llm import ModelShape, model_shape
from edge_llm_gym.names import known_name
from edge_llm_gym.registration import ENVIRONMENTS
from edge_llm_gym.scenario import Scenario, load_scenario
from edge_llm_gym.settings import ConfigError, SettingsReader, parse_setting

EnvironmentOption = Annotated[str, typer.Option("--env", "-e", help="Environment id, as for gym.make.")]
ScenarioOption = Annotated[
    str | None,
    typer.Option("--scenario", help="Name of a shipped scenario, or a YAML file. Default: the environment's own."),
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
    float | None, typer.Option("--rate", help="Mean arrivals per second; the time of a trace is rescaled to it.")
]


def read_settings(
    environment: str, scenario: str | None, overrides: list[str] | None, trace: Path | None, rate: float | None
) -> tuple[Scenario, dict[str, Any]]:
    """The validated scenario of the options, and the keyword arguments for gym.make.

    Raises ValueError for unknown names and invalid overrides.
    """
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
    """Overrides that replay a trace at the scenario's arrival rate, with lengths clipped to the scenario's limits and
    predicted as there."""
    kept = ("max_prompt_tokens", "max_output_tokens", "prediction")
    limits = {key: value for key, value in scenario.lengths.model_dump().items() if key in kept}
    return {
        "arrivals": {"process": "trace", "file": str(trace), "rate_per_s": scenario.arrivals.rate_per_s},
        "lengths": {"kind": "trace", **limits},
    }


def shape_in_file(path: Path) -> ModelShape:
    """The shape in a YAML file with the keys of a scenario's `model`; its name is the file's unless it has one.

    Raises ConfigError for a file that holds no shape, OSError for a missing file.
    """
    reader = SettingsReader("model", ModelSection, ConfigError)
    data = {"name": path.stem, **reader.read(path)}
    return model_shape(reader.validate(str(path), data))


def _override(text: str) -> tuple[str, Any]:
    """Path and value of "path=value"; the value is parsed as YAML."""
    path, equals, value = text.partition("=")
    if not equals or not path:
        raise ValueError(f"--set takes path=value, as in arrivals.rate_per_s=8, got {quoted(text)}")
    return path.strip(), parse_setting(path.strip(), value)


@contextmanager
def job_progress(console: Console, total: int) -> Iterator[Callable[[int, int], None]]:
    """Shows a progress bar of `total` episodes; yields the progress callback of `compare`."""
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("episodes", total=total)
        yield lambda done, _: bar.update(task, completed=done)
