"""Loading of scenarios from a shipped name, a YAML file or a mapping, with overrides by dotted path."""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Final

from edge_llm_gym.messages import quoted, shortened
from edge_llm_gym.names import suggestion
from edge_llm_gym.scenario.files import absolute_paths, read_rows
from edge_llm_gym.scenario.scenario import Scenario
from edge_llm_gym.settings import SettingsReader
from edge_llm_gym.yaml_text import is_file

ScenarioSource = str | Path | Mapping[str, Any] | Scenario


class ScenarioError(ValueError):
    """An invalid scenario. The message states the key, the rule and the value received."""


READER: Final = SettingsReader("scenario", Scenario, ScenarioError)


def scenario_names() -> list[str]:
    """Names of the shipped scenarios."""
    folder = resources.files("edge_llm_gym.scenario") / "shipped"
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def load_scenario(source: ScenarioSource, overrides: Mapping[str, Any] | None = None) -> Scenario:
    """Loads a scenario, with overrides applied.

    Args:
        source: name of a shipped scenario, path of a YAML file, mapping, or Scenario.
        overrides: values by dotted path, such as {"arrivals.rate_per_s": 8.0, "nodes.0.memory_fraction": 0.5}.

    Paths in a file are relative to the file, those in a mapping or an override to the working directory. Files that
    `model`, `nodes.*.hardware` and `nodes.*.quantization` name are read: the scenario holds their content.

    Raises ScenarioError for an unknown name, key or path, and for violated rules, all of which are listed.
    """
    if isinstance(source, Scenario) and not overrides:
        return source
    label, data = _raw(source)
    changed = READER.overridden(label, data, overrides)
    return READER.validate(label, _with_rows(label, changed, Path()))


def scenario_data(scenario: Scenario) -> dict[str, Any]:
    """A scenario as a mapping of JSON's types, which `load_scenario` loads as an equal one from any working directory.

    Paths of traces and profiles are absolute; only keys that differ from their defaults or were given are in it.
    """
    return absolute_paths(scenario.model_dump(mode="json", exclude_unset=True, warnings=False), Path())


def _raw(source: ScenarioSource) -> tuple[str, Mapping[str, Any]]:
    """Label and data of a source."""
    if isinstance(source, Scenario):
        return quoted(source.name), source.model_dump(mode="python", exclude_unset=True, warnings=False)
    if isinstance(source, Mapping):
        return "given as a mapping", source
    if not isinstance(source, (str, Path)):
        raise ScenarioError(
            f"a scenario is given as a name, a path, a mapping or a Scenario, got {quoted(source)}; pass one of these"
        )
    label, data, folder = _read(source)
    return label, absolute_paths(_with_rows(label, data, folder), folder)


def _with_rows(label: str, data: dict[str, Any], folder: Path) -> dict[str, Any]:
    try:
        return read_rows(data, folder)
    except ValueError as error:
        raise ScenarioError(f"{READER.kind} {label}:\n  {error}") from None


def _read(source: str | Path) -> tuple[str, dict[str, Any], Path]:
    """Label, data and folder of a shipped name or a file."""
    if isinstance(source, str) and source in scenario_names():
        text = (resources.files("edge_llm_gym.scenario") / "shipped" / f"{source}.yaml").read_text("utf-8")
        return repr(source), READER.parse(repr(source), text), Path()
    if not is_file(source):
        hint = suggestion(str(source), scenario_names())
        raise ScenarioError(f"no scenario {quoted(str(source))}: neither a file nor a shipped scenario; {hint}")
    path = Path(source)
    try:
        return shortened(str(path)), READER.read(path), path.parent
    except OSError as error:
        raise ScenarioError(f"scenario {path} cannot be read: {error.strerror}; make the file readable") from None
