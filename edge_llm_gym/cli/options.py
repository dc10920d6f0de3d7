"""Options shared by several commands, and how they are read."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import typer
import yaml
from rich.console import Console
from rich.progress import Progress

from edge_llm_gym.evaluation.replay import Replay
from edge_llm_gym.evaluation.store import EpisodeStore
from edge_llm_gym.interrupts import Interrupted
from edge_llm_gym.models.catalogue import ModelSection
from edge_llm_gym.models.llm import ModelShape, model_shape
from edge_llm_gym.names import known_name
from edge_llm_gym.registration import ENVIRONMENTS
from edge_llm_gym.scenario import Scenario, load_scenario
from edge_llm_gym.settings import ConfigError, SettingsReader
from edge_llm_gym.sim.simulator import Simulator

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
OWN_RATE: Final = "own"
RateOption = Annotated[
    str | None,
    typer.Option(
        "--rate",
        metavar="NUMBER|own",
        help="Mean arrivals per second, to which the time of a trace is rescaled; 'own' keeps the rate of its file. "
        "Default: the scenario's rate, also for a trace.",
    ),
]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Replace the results of another comparison in the folder.")
]


def read_settings(
    environment: str, scenario: str | None, overrides: list[str] | None, trace: Path | None, rate: str | None
) -> tuple[Scenario, dict[str, Any]]:
    """The validated scenario of the options, and the keyword arguments for gym.make.

    Raises ValueError for unknown names and invalid overrides, and for the own rate of arrivals that have none.
    """
    known_name("environment", environment, ENVIRONMENTS)
    source = scenario or ENVIRONMENTS[environment]
    changes = dict(_override(text) for text in overrides or [])
    number = read_rate(rate)
    if number is not None:
        changes["arrivals.rate_per_s"] = number
    resolved = load_scenario(source, changes)
    if trace is not None:
        resolved = load_scenario(resolved, trace_overrides(resolved, trace, own_rate=rate == OWN_RATE))
    elif rate == OWN_RATE:
        resolved = _at_own_rate(resolved)
    return resolved, {"scenario": resolved}


def read_rate(text: str | None) -> float | None:
    """The number of arrivals per second; None for no text and for the own rate of a trace.

    Raises ValueError for other texts.
    """
    if text is None or text == OWN_RATE:
        return None
    try:
        return float(text)
    except ValueError:
        raise ValueError(
            f"--rate takes a number of arrivals per second, or {OWN_RATE!r} for that of a trace's file, got {text!r}"
        ) from None


def _at_own_rate(scenario: Scenario) -> Scenario:
    if scenario.arrivals.process != "trace":
        raise ValueError(
            f"--rate {OWN_RATE} keeps the rate of a trace's file, got arrivals {scenario.arrivals.process!r}; name a "
            f"file with --trace, or give a number"
        )
    return load_scenario(scenario, {"arrivals.rate_per_s": None})


def trace_overrides(scenario: Scenario, trace: Path, *, own_rate: bool = False) -> dict[str, Any]:
    """Overrides that replay a trace, with lengths clipped to the scenario's limits and predicted as there.

    Time is rescaled to the scenario's arrival rate, unless `own_rate` is set.
    """
    kept = ("max_prompt_tokens", "max_output_tokens", "prediction")
    limits = {key: value for key, value in scenario.lengths.model_dump().items() if key in kept}
    rate = {} if own_rate else {"rate_per_s": scenario.arrivals.rate_per_s}
    return {
        "arrivals": {"process": "trace", "file": str(trace)} | rate,
        "lengths": {"kind": "trace", **limits},
    }


def describe_replay(console: Console, simulator: Simulator) -> None:
    """Prints by how much the time of a replayed trace is rescaled; nothing for other arrivals."""
    replay = Replay.of(simulator)
    if replay is not None:
        console.print(str(replay), markup=False, highlight=False)


def shape_in_file(path: Path) -> ModelShape:
    """The shape in a YAML file with the keys of a scenario's `model`; its name is the file's unless it has one.

    Raises ConfigError for a file that holds no shape, OSError for a missing file.
    """
    reader = SettingsReader("model", ModelSection, ConfigError)
    data = {"name": path.stem, **reader.parse(str(path), path.read_text("utf-8"))}
    return model_shape(reader.validate(str(path), data))


def _override(text: str) -> tuple[str, Any]:
    """Path and value of "path=value"; the value is parsed as YAML."""
    path, equals, value = text.partition("=")
    if not equals or not path:
        raise ValueError(f"--set takes path=value, as in arrivals.rate_per_s=8, got {text!r}")
    return path.strip(), yaml.safe_load(value)


@contextmanager
def job_progress(console: Console, total: int, store: EpisodeStore) -> Iterator[Callable[[int, int], None]]:
    """Shows a progress bar of `total` episodes; yields the progress callback of `compare`.

    A signal in the block says how many episodes the store holds, and how to go on.
    """
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("episodes", total=total)

        def advice() -> str:
            done = f"{bar.tasks[task].completed:.0f} of {total} episodes are kept in {store.path}"
            return f"{done}; run the same command again to go on"

        with advising(advice):
            yield lambda done, _: bar.update(task, completed=done)
    if store.found:
        note = f"{store.found} results were there already, in {store.path}; --overwrite computes them again"
        console.print(note, markup=False, highlight=False)


@contextmanager
def advising(text: Callable[[], str]) -> Iterator[None]:
    """Adds a text to the line of a signal that interrupts the block."""
    try:
        yield
    except Interrupted as interrupted:
        interrupted.args = (f"{interrupted}; {text()}",)
        raise
