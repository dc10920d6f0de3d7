"""Reads validated settings from YAML files and mappings, with overrides by dotted path and errors that suggest a key.

Scenarios and the configurations of training runs share this reader; each names itself in its errors.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from edge_llm_gym.names import suggestion

ModelT = TypeVar("ModelT", bound=BaseModel)


class ConfigError(ValueError):
    """A configuration that cannot be used: states where, the rule and the value received."""


@dataclass(frozen=True)
class SettingsReader(Generic[ModelT]):
    """Reads one kind of settings: `kind` names it in messages, `model` validates it, `error` is what is raised."""

    kind: str
    model: type[ModelT]
    error: type[ValueError]

    def parse(self, label: str, text: str) -> dict[str, Any]:
        """The mapping in a YAML text. Raises `error` for invalid YAML and for anything but a mapping at its top."""
        try:
            data = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise self.error(f"{self.kind} {label} is not valid YAML: {error}") from None
        if not isinstance(data, dict):
            raise self.error(
                f"{self.kind} {label}: a {self.kind} file holds a mapping at its top, got {type(data).__name__}"
            )
        return data

    def validate(self, label: str, data: Mapping[str, Any], overrides: Mapping[str, Any] | None = None) -> ModelT:
        """The validated settings with `overrides` (dotted path -> value) applied; `data` itself is not changed.

        Raises `error` for a path that does not exist and for every broken rule.
        """
        try:
            return self.model.model_validate(self.overridden(label, data, overrides))
        except ValidationError as error:
            lines = "\n".join(explain(error, self.model, self.kind))
            raise self.error(f"{self.kind} {label}:\n{lines}") from None

    def overridden(self, label: str, data: Mapping[str, Any], overrides: Mapping[str, Any] | None) -> dict[str, Any]:
        """A plain copy of the data with `overrides` applied. Raises `error` for a path that does not exist."""
        changed: dict[str, Any] = plain(data)
        for path, value in (overrides or {}).items():
            self._override(changed, path, plain(value), label)
        return changed

    def _override(self, data: dict[str, Any], path: str, value: Any, label: str) -> None:
        """Sets the value at a dotted path, creating sections on the way; list items go by index."""
        *parents, last = path.split(".")
        section: Any = data
        for part in parents:
            section = self._child(section, part, path, label)
        if isinstance(section, list):
            section[self._index(section, last, path, label)] = value
        elif isinstance(section, dict):
            section[last] = value
        else:
            raise self.error(f"{self.kind} {label}: override {path!r} addresses a key of a plain value {section!r}")

    def _child(self, section: Any, part: str, path: str, label: str) -> Any:
        if isinstance(section, list):
            return section[self._index(section, part, path, label)]
        if isinstance(section, dict):
            if section.get(part) is None:
                section[part] = {}
            elif isinstance(section[part], (tuple, list, Mapping)):  # the value of an earlier override is the caller's
                section[part] = plain(section[part])
            return section[part]
        raise self.error(f"{self.kind} {label}: override {path!r} addresses a key of a plain value {section!r}")

    def _index(self, items: Sequence[Any], part: str, path: str, label: str) -> int:
        if not part.isdigit() or int(part) >= len(items):
            raise self.error(
                f"{self.kind} {label}: override {path!r} needs an index from 0 to {len(items) - 1}, got {part!r}"
            )
        return int(part)


def plain(value: Any) -> Any:
    """A mutable copy: mappings become dictionaries, tuples become lists."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def explain(error: ValidationError, model: type[BaseModel], root: str) -> Iterator[str]:
    """One line per broken rule: where, the rule, the value received. `root` names the top level.

    Tags of unions, which are written <like this>, are left out of the place.
    """
    for item in error.errors():
        where = ".".join(str(part) for part in item["loc"] if not str(part).startswith("<")) or root
        if item["type"] == "extra_forbidden":
            fields = _fields_at(model, item["loc"][:-1])
            yield f"  {where}: unknown key {item['loc'][-1]!r}; {suggestion(str(item['loc'][-1]), fields)}"
        elif item["type"] == "missing":
            yield f"  {where}: this key is required"
        else:
            received = "" if isinstance(item["input"], (dict, BaseModel)) else f" (got {item['input']!r})"
            yield f"  {where}: {item['msg'].removeprefix('Value error, ')}{received}"


def _fields_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """Keys that the section at a location has."""
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
