"""Reads validated settings from YAML files and mappings, with overrides by dotted path and errors that suggest a key.

Scenarios and the configurations of training runs share this reader; each names itself in its errors.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import Any, Final, Generic, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from edge_llm_gym.messages import MAX_TEXT, MAX_VALUE, quoted, shortened
from edge_llm_gym.names import suggestion
from edge_llm_gym.yaml_text import YamlError, parse_yaml, read_yaml

ModelT = TypeVar("ModelT", bound=BaseModel)
APPEND: Final = "+"
"""End of a path whose value is appended to a list."""
MAX_RULES: Final = 20
"""Broken rules that a message lists."""


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
            return self._mapping(label, parse_yaml(text))
        except YamlError as error:
            raise self.error(f"{self.kind} {label}: {error}") from None

    def read(self, path: str | PathLike[str]) -> dict[str, Any]:
        """The mapping in a YAML file. Raises `error` as `parse` does, and OSError for a file that cannot be opened."""
        label = shortened(str(path))
        try:
            return self._mapping(label, read_yaml(path))
        except YamlError as error:
            raise self.error(f"{self.kind} {label}: {error}") from None

    def _mapping(self, label: str, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            raise self.error(
                f"{self.kind} {label}: a {self.kind} file holds a mapping at its top, got {type(data).__name__}"
            )
        return data

    def validate(self, label: str, data: Mapping[str, Any], overrides: Mapping[str, Any] | None = None) -> ModelT:
        """The validated settings with `overrides` (dotted path -> value) applied; `data` itself is not changed.

        Raises `error` for a path that does not exist and for every broken rule.
        """
        changed = self.overridden(label, data, overrides)
        try:
            return self.model.model_validate(changed)
        except ValidationError as error:
            lines = "\n".join(explain(error, self.model, self.kind))
            raise self.error(f"{self.kind} {label}:\n{lines}") from None
        except RecursionError:
            raise self._nested(label) from None

    def _nested(self, label: str) -> ValueError:
        return self.error(f"{self.kind} {label}: values are nested too deep; flatten them")

    def overridden(self, label: str, data: Mapping[str, Any], overrides: Mapping[str, Any] | None) -> dict[str, Any]:
        """A plain copy of the data with `overrides` applied. Raises `error` for a path that does not exist."""
        try:
            changed: dict[str, Any] = plain(data)
            for path, value in (overrides or {}).items():
                self._override(changed, path, plain(value), label)
        except RecursionError:
            raise self._nested(label) from None
        return changed

    def _override(self, data: dict[str, Any], path: str, value: Any, label: str) -> None:
        """Sets the value at a dotted path, creating sections on the way; list items go by index.

        The index that follows the last one appends. A path that ends in "+" appends the value, or the items of a list.
        """
        if not isinstance(path, str):
            raise self.error(f"{self.kind} {label}: an override goes by a dotted path, got {quoted(path)}")
        *parents, last = path.removesuffix(APPEND).split(".")
        place = _Place(path, label)
        section: Any = data
        for part in parents:
            section = self._child(section, part, place)
        if path.endswith(APPEND):
            self._append(self._child(section, last, place, new=[]), value, place)
        elif isinstance(section, list):
            index = self._index(section, last, place)
            section[index : index + 1] = [value]
        elif isinstance(section, dict):
            section[last] = value
        else:
            raise self._no_section(place, section)

    def _append(self, items: Any, value: Any, place: "_Place") -> None:
        if not isinstance(items, list):
            raise self.error(
                f"{self.kind} {place.label}: override {quoted(place.path)} appends to a list, got {quoted(items)} "
                f"there; leave out the {APPEND!r}"
            )
        items.extend(value if isinstance(value, list) else [value])

    def _no_section(self, place: "_Place", value: Any) -> ValueError:
        return self.error(
            f"{self.kind} {place.label}: override {quoted(place.path)} addresses a key of a plain value "
            f"{quoted(value)}; set {quoted(place.done)} itself"
        )

    def _child(self, section: Any, part: str, place: "_Place", new: Any = None) -> Any:
        """The part of a section, made if it does not exist."""
        if isinstance(section, list):
            index = self._index(section, part, place)
            if index == len(section):
                section.append({} if new is None else new)
            place.parts.append(part)
            return section[index]
        if not isinstance(section, dict):
            raise self._no_section(place, section)
        place.parts.append(part)
        if section.get(part) is None:
            section[part] = {} if new is None else new
        elif isinstance(section[part], (tuple, list, Mapping)):  # the value of an earlier override is the caller's
            section[part] = plain(section[part])
        return section[part]

    def _index(self, items: Sequence[Any], part: str, place: "_Place") -> int:
        if not (part.isascii() and part.isdigit() and len(part) < 10) or int(part) > len(items):
            existing = f"an index from 0 to {len(items) - 1}, or {len(items)} to append" if items else "the index 0"
            raise self.error(
                f"{self.kind} {place.label}: override {quoted(place.path)} needs {existing}, got {quoted(part)}"
            )
        return int(part)


@dataclass(frozen=True)
class _Place:
    """An override that is applied: its path, the settings that it changes, and the parts of the path so far."""

    path: str
    label: str
    parts: list[str] = field(default_factory=list)

    @property
    def done(self) -> str:
        return ".".join(self.parts)


def parse_setting(key: str, text: str) -> Any:
    """The value that a command line gives a key, as YAML. Raises ConfigError for an invalid one."""
    try:
        return parse_yaml(text)
    except YamlError as error:
        raise ConfigError(f"{shortened(key)}={shortened(text)}: {error}") from None


def plain(value: Any) -> Any:
    """A mutable copy: mappings become dictionaries, tuples become lists."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def explain(error: ValidationError, model: type[BaseModel], root: str) -> Iterator[str]:
    """One line per broken rule: where, the rule, the value received. `root` names the top level.

    Tags of unions, which are written <like this>, are left out of the place. After `MAX_RULES` lines the rest is
    counted; long values are shortened.
    """
    items = _own_errors(error)
    for item in items[:MAX_RULES]:
        place = ".".join(str(part) for part in item["loc"] if not str(part).startswith("<")) or root
        where = shortened(place, MAX_VALUE)
        if item["type"] == "extra_forbidden":
            fields = _fields_at(model, item["loc"][:-1])
            yield f"  {where}: unknown key {quoted(item['loc'][-1])}; {suggestion(str(item['loc'][-1]), fields)}"
        elif item["type"] == "missing":
            yield f"  {where}: this key is required"
        else:
            whole_section = item["type"] == "value_error" and isinstance(item["input"], (dict, BaseModel))
            received = "" if whole_section else f" (got {quoted(item['input'])})"
            yield f"  {where}: {shortened(_rule(item['msg']), 2 * MAX_TEXT)}{received}"
    if len(items) > MAX_RULES:
        yield f"  and {len(items) - MAX_RULES} more"


def _rule(message: str) -> str:
    """The rule of a message of Pydantic, in terms of YAML instead of Python."""
    for pattern, text in RULES:
        message = pattern.sub(text, message)
    return message


RULES: Final = tuple(
    (re.compile(pattern), text)
    for pattern, text in (
        (r"^Value error, ", ""),
        (r"^Input should be a valid (tuple|list)$", "must be a list"),
        (r"^Input should be a valid dictionary( or .*)?$", "must be a mapping of keys"),
        (r"^Input should be a valid string", "must be a text"),
        (r"^Input should be ", "must be "),
        (r"^(Tuple|List|Dictionary) should have at (least|most) (\d+ items?) after validation, not (\d+)$",
         r"must have at \2 \3, got \4"),
    )
)  # fmt: skip
"""Pattern in a message of Pydantic -> what stands in its place."""


def _own_errors(error: ValidationError) -> list[ErrorDetails]:
    """The broken rules, without complaints that a list is too short for the lack of its invalid items."""
    items = error.errors(include_url=False, include_context=False)
    places = {item["loc"][:length] for item in items for length in range(len(item["loc"]))}
    return [item for item in items if item["type"] != "too_short" or item["loc"] not in places]


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
