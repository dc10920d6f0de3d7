"""Loading of scenarios from a shipped name, a YAML file or a mapping, with overrides by dotted path."""

from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from edge_llm_gym.names import suggestion
from edge_llm_gym.scenario.scenario import Scenario

ScenarioSource = str | Path | Mapping[str, Any] | Scenario


class ScenarioError(ValueError):
    """An invalid scenario. The message states the key, the rule and the value received."""


def scenario_names() -> list[str]:
    """Names of the shipped scenarios."""
    folder = resources.files("edge_llm_gym.scenario") / "shipped"
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def load_scenario(source: ScenarioSource, overrides: Mapping[str, Any] | None = None) -> Scenario:
    """Loads a scenario, with overrides applied.

    Args:
        source: name of a shipped scenario, path of a YAML file, mapping, or Scenario.
        overrides: values by dotted path, such as {"arrivals.rate_per_s": 8.0, "nodes.0.memory_fraction": 0.5}.

    Raises ScenarioError for an unknown name, key or path, and for violated rules, all of which are listed.
    """
    if isinstance(source, Scenario) and not overrides:
        return source
    label, data = _raw(source)
    for path, value in (overrides or {}).items():
        _apply(data, path, value, label)
    try:
        return Scenario.model_validate(data)
    except ValidationError as error:
        raise ScenarioError(f"scenario {label}:\n" + "\n".join(_explain(error))) from None


def _raw(source: ScenarioSource) -> tuple[str, dict[str, Any]]:
    """Label and plain mutable data of a source."""
    if isinstance(source, Scenario):
        return repr(source.name), source.model_dump(mode="python", exclude_unset=True, warnings=False)
    if isinstance(source, Mapping):
        return "given as a mapping", _plain(source)
    label, text = _read(source)
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ScenarioError(f"scenario {label} is not valid YAML: {error}") from None
    if not isinstance(data, dict):
        raise ScenarioError(f"scenario {label}: a scenario file holds a mapping at its top, got {type(data).__name__}")
    return label, data


def _read(source: str | Path) -> tuple[str, str]:
    """Label and text of a shipped name or a file."""
    if isinstance(source, str) and source in scenario_names():
        return repr(source), (resources.files("edge_llm_gym.scenario") / "shipped" / f"{source}.yaml").read_text(
            "utf-8"
        )
    path = Path(source)
    if not path.is_file():
        hint = suggestion(str(source), scenario_names())
        raise ScenarioError(f"no scenario {str(source)!r}: neither a file nor a shipped scenario; {hint}")
    return str(path), path.read_text("utf-8")


def _plain(value: Any) -> Any:
    """Mutable copy, to which overrides can be applied."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _apply(data: dict[str, Any], path: str, value: Any, label: str) -> None:
    """Sets the value at a dotted path and creates missing sections; list items are addressed by index."""
    *parents, last = path.split(".")
    here: Any = data
    for part in parents:
        here = _child(here, part, path, label)
    if isinstance(here, list):
        here[_index(here, last, path, label)] = value
    elif isinstance(here, dict):
        here[last] = value
    else:
        raise ScenarioError(f"scenario {label}: override {path!r} addresses a key of a plain value {here!r}")


def _child(here: Any, part: str, path: str, label: str) -> Any:
    if isinstance(here, list):
        return here[_index(here, part, path, label)]
    if isinstance(here, dict):
        if here.get(part) is None:
            here[part] = {}
        elif isinstance(here[part], (tuple, list, Mapping)):
            here[part] = _plain(here[part])
        return here[part]
    raise ScenarioError(f"scenario {label}: override {path!r} addresses a key of a plain value {here!r}")


def _index(items: Sequence[Any], part: str, path: str, label: str) -> int:
    if not part.isdigit() or int(part) >= len(items):
        raise ScenarioError(
            f"scenario {label}: override {path!r} needs an index from 0 to {len(items) - 1}, got {part!r}"
        )
    return int(part)


def _explain(error: ValidationError) -> Iterator[str]:
    """One line per violated rule: key, rule, value."""
    for item in error.errors():
        where = ".".join(str(part) for part in item["loc"]) or "scenario"
        if item["type"] == "extra_forbidden":
            fields = _fields_at(Scenario, item["loc"][:-1])
            yield f"  {where}: unknown key {item['loc'][-1]!r}; {suggestion(str(item['loc'][-1]), fields)}"
        elif item["type"] == "missing":
            yield f"  {where}: this key is required"
        else:
            message = item["msg"].removeprefix("Value error, ")
            got = "" if isinstance(item["input"], (dict, BaseModel)) else f" (got {item['input']!r})"
            yield f"  {where}: {message}{got}"


def _fields_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """Keys of the section at a location."""
    found: list[type[BaseModel]] = [model]
    for part in location:
        found = [child for parent in found for child in _children(parent, part)] or found
    return [name for section in found for name in section.model_fields]


def _children(parent: type[BaseModel], part: int | str) -> list[type[BaseModel]]:
    field = parent.model_fields.get(str(part))
    return list(_sections_in(field.annotation)) if field is not None else []


def _sections_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _sections_in(argument)
