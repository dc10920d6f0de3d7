"""Options shared by several commands, and how they are read."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from edge_llm_gym.cli.completion import complete_backend, complete_environment, complete_policies, complete_scenario
from edge_llm_gym.evaluation.compare import OwnSettings
from edge_llm_gym.evaluation.replay import Replay
from edge_llm_gym.evaluation.store import EpisodeStore
from edge_llm_gym.interrupts import Interrupted, unmasked
from edge_llm_gym.messages import quoted
from edge_llm_gym.models.catalogue import ModelSection
from edge_llm_gym.models.llm import ModelShape, model_shape
from edge_llm_gym.names import known_name
from edge_llm_gym.registration import ENVIRONMENTS
from edge_llm_gym.scenario import Scenario, load_scenario
from edge_llm_gym.settings import APPEND, ConfigError, SettingsReader, parse_setting
from edge_llm_gym.sheets.progress import progress
from edge_llm_gym.sheets.terminal import Terminal
from edge_llm_gym.sim.simulator import Simulator
from edge_llm_gym.workload import RecordedLengths
from edge_llm_gym.workload.trace_files import FORMATS, MAPPING_KEYS
from edge_llm_gym.workload.trace_reading import read_requests
from edge_llm_gym.workload.trace_source import TraceSource, parse_bound, parse_columns

DEFAULT_ENVIRONMENT: Final = "EdgeLLM/MultiNode-v0"
EnvironmentOption = Annotated[
    str | None,
    typer.Option(
        "--env",
        "-e",
        help=f"Environment id, as for gym.make. Default: that of --scenario, and {DEFAULT_ENVIRONMENT} without one.",
        autocompletion=complete_environment,
    ),
]
ScenarioOption = Annotated[
    str | None,
    typer.Option(
        "--scenario",
        help="Name of a shipped scenario, or a YAML file. Default: the environment's own.",
        autocompletion=complete_scenario,
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="Override by dotted path, e.g. --set arrivals.rate_per_s=8, or --set 'nodes+={...}' to append to a list. "
        "May be repeated.",
    ),
]
TraceOption = Annotated[
    Path | None,
    typer.Option(
        "--trace",
        help="Replay a request trace (CSV or JSON, packed or not) instead of the scenario's workload. Of a file with "
        "token counts only, draw lengths.",
    ),
]
FormatOption = Annotated[
    str | None, typer.Option("--format", help=f"Format of the trace: {', '.join(FORMATS)}. Default: detected.")
]
ColumnsOption = Annotated[
    str | None,
    typer.Option(
        "--columns",
        help="Names of the trace's columns, as in arrival_s=ts,prompt_tokens=input,output_tokens=output. "
        f"Keys: {', '.join(MAPPING_KEYS)}.",
    ),
]
FromOption = Annotated[
    str | None,
    typer.Option("--from", help="Begin of the trace's window: seconds from its first request, or a date and time."),
]
UntilOption = Annotated[
    str | None, typer.Option("--until", help="End of the trace's window, as for --from; it is no longer part of it.")
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
RewardOption = Annotated[
    str | None,
    typer.Option(
        "--reward",
        metavar="MODULE:NAME",
        help="Own function whose values are added to the reward, as package.module:name; also looked up in the working "
        "directory.",
    ),
]
FeaturesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--feature", metavar="MODULE:NAME", help="Own observation feature, as package.module:name. May be repeated."
    ),
]
PoliciesOption = Annotated[
    str | None,
    typer.Option(
        "--policies",
        "-p",
        help="Comma-separated: names of experts, package.module:factory, or files of trained policies. "
        "Default: an expert and the baselines of the environment.",
        autocompletion=complete_policies,
    ),
]
SeedsOption = Annotated[int, typer.Option("--seeds", "-n", min=1, help="Number of paired seeds.")]
FirstSeedOption = Annotated[int, typer.Option(help="First seed.", min=0)]
JobsOption = Annotated[
    int, typer.Option("--jobs", "-j", help="Number of processes; -1 for one on each CPU of the machine or the cluster.")
]
BackendOption = Annotated[
    str,
    typer.Option(
        "--backend",
        help="Where processes run: loky for this machine, ray for a Ray cluster.",
        autocompletion=complete_backend,
    ),
]
AddressOption = Annotated[
    str | None,
    typer.Option(
        "--address",
        help="Address of a running Ray cluster, as for ray.init. Default: RAY_ADDRESS, or a cluster that is started on "
        "this machine.",
    ),
]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Replace the results of another comparison in the folder.")
]


def listed(text: str) -> list[str]:
    """The names in a list that is separated by commas; empty ones are left out."""
    return [name.strip() for name in text.split(",") if name.strip()]


def read_settings(
    environment: str, scenario: str | None, overrides: list[str] | None, trace: TraceSource | None, rate: str | None
) -> tuple[Scenario, dict[str, Any]]:
    """The validated scenario of the options, and the keyword arguments for gym.make.

    Raises ValueError for unknown names and invalid overrides, and for the own rate of arrivals that have none.
    """
    resolved = resolved_scenario(environment, scenario, read_overrides(overrides), trace, rate)
    return resolved, {"scenario": resolved}


def resolved_scenario(
    environment: str, scenario: str | None, overrides: Mapping[str, Any], trace: TraceSource | None, rate: str | None
) -> Scenario:
    """The validated scenario of the options, with overrides by dotted path. Raises ValueError as `read_settings`."""
    known_name("environment", environment, ENVIRONMENTS)
    number = read_rate(rate)
    given = {} if number is None else {"arrivals.rate_per_s": number}
    resolved = load_scenario(scenario or ENVIRONMENTS[environment], {**overrides, **given})
    if trace is not None:
        return load_scenario(resolved, trace_overrides(resolved, trace, own_rate=rate == OWN_RATE))
    return _at_own_rate(resolved) if rate == OWN_RATE else resolved


def own_functions(reward: str | None, features: list[str] | None) -> OwnSettings:
    """Keyword arguments of gym.make for an own reward and own features; none of those that are not given."""
    given = OwnSettings()
    if reward is not None:
        given["reward"] = reward
    if features:
        given["features"] = features
    return given


def environment_of(environment: str | None, scenario: str | None) -> str:
    """The environment that is given, or the one whose own scenario is closest to the given one.

    A shipped scenario has its own environment. A file gets the first one with its dynamics, for a single node or for
    several. Raises ScenarioError for an invalid scenario.
    """
    if environment is not None:
        return environment
    if scenario is None:
        return DEFAULT_ENVIRONMENT
    owners = {own: name for name, own in ENVIRONMENTS.items()}
    return owners.get(scenario) or _closest_environment(load_scenario(scenario))


def _closest_environment(scenario: Scenario) -> str:
    own = {name: load_scenario(source) for name, source in ENVIRONMENTS.items()}
    same = [name for name, each in own.items() if each.variant == scenario.variant]
    single = len(scenario.nodes) == 1
    return next((name for name in same if (len(own[name].nodes) == 1) == single), same[0])


def read_overrides(texts: Iterable[str] | None) -> dict[str, Any]:
    """Overrides by dotted path of texts "path=value"; values that are appended to the same list are collected.

    Raises ValueError for other texts and for invalid YAML.
    """
    changes: dict[str, Any] = {}
    for path, value in map(_override, texts or ()):
        if path.endswith(APPEND):
            value = [*changes.get(path, ()), *(value if isinstance(value, list) else [value])]
        changes[path] = value
    return changes


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


def trace_source(
    file: Path | None, format: str | None, columns: str | None, start: str | None, until: str | None
) -> TraceSource | None:
    """The trace of the options; None without a file. Raises ValueError for invalid options, also without a file.

    `start` and `until` are the texts of --from and --until.
    """
    given = {"--format": format, "--columns": columns, "--from": start, "--until": until}
    if file is None:
        if named := [option for option, value in given.items() if value is not None]:
            raise ValueError(f"{' and '.join(named)} need a trace, got none; add --trace FILE")
        return None
    window = [None if bound is None else parse_bound(bound) for bound in (start, until)]
    return TraceSource(str(file), format, tuple(parse_columns(columns).items()) if columns else (), *window)


def trace_overrides(scenario: Scenario, trace: TraceSource, *, own_rate: bool = False) -> dict[str, Any]:
    """Overrides that replay a trace, with lengths clipped to the scenario's limits and predicted as there.

    Time is rescaled to the scenario's arrival rate, unless `own_rate` is set. A file with token counts only gives the
    lengths, and the arrivals stay those of the scenario. Raises ValueError for the own rate of such a file.
    """
    kept = ("max_prompt_tokens", "max_output_tokens", "prediction")
    limits = {key: value for key, value in scenario.lengths.model_dump().items() if key in kept}
    if isinstance(read_requests(trace), RecordedLengths):
        if own_rate:
            raise ValueError(f"--rate {OWN_RATE} keeps the rate of a file, got {trace.file!r}, which has no times")
        return {"lengths": {"kind": "trace", **trace.settings(), **limits}}
    rate = {} if own_rate else {"rate_per_s": scenario.arrivals.rate_per_s}
    return {
        "arrivals": {"process": "trace", **trace.settings(), **rate},
        "lengths": {"kind": "trace", **limits},
    }


def describe_replay(terminal: Terminal, simulator: Simulator) -> None:
    """Prints by how much the time of a replayed trace is rescaled; nothing for other arrivals."""
    replay = Replay.of(simulator)
    if replay is not None:
        terminal.line(str(replay))


def shape_in_file(path: Path) -> ModelShape:
    """The shape in a YAML file with the keys of a scenario's `model`; its name is the file's unless it has one.

    Raises ConfigError for a file that holds no shape, OSError for a missing file.
    """
    reader = SettingsReader("model", ModelSection, ConfigError)
    data = {"name": path.stem, **reader.read(path)}
    return model_shape(reader.validate(str(path), data))


def _override(text: str) -> tuple[str, Any]:
    """Path and value of "path=value"; the value is parsed as YAML."""
    path, value = split_override(text)
    return path, parse_setting(path, value)


def split_override(text: str) -> tuple[str, str]:
    """Path and text of the value of "path=value". Raises ValueError for other texts."""
    path, equals, value = text.partition("=")
    if not equals or not path:
        raise ValueError(f"--set takes path=value, as in arrivals.rate_per_s=8, got {quoted(text)}")
    return path.strip(), value


@contextmanager
def job_progress(terminal: Terminal, total: int, store: EpisodeStore) -> Iterator[Callable[[int, int], None]]:
    """Shows the progress of `total` episodes; yields the progress callback of `compare`.

    A signal in the block says how many results the store holds, and how to go on.
    """
    with progress(terminal=terminal) as shown, advising(lambda: _advice(store)):
        advance = shown.task("episodes", total)
        yield lambda done, _: advance(done)
    if store.found:
        terminal.line(f"{store.found} results were there already, in {store.path}; --overwrite computes them again")


def _advice(store: EpisodeStore) -> str:
    return f"{store.kept} results are kept in {store.path}; run the same command again to go on"


@contextmanager
def advising(text: Callable[[], str]) -> Iterator[None]:
    """Adds a text to the line of a signal that interrupts the block."""
    try:
        with unmasked():
            yield
    except Interrupted as interrupted:
        interrupted.args = (f"{interrupted}; {text()}",)
        raise
