"""Reads and writes the YAML of users: scenarios, rows of catalogues, hardware profiles, configurations, settings.

Plain values follow the core schema of YAML 1.2 (yaml.org/spec/1.2.2, section 10.3.2). Unlike in YAML 1.1, `1:00` is a
text instead of 60, `yes` and `no` are texts instead of truth values, `1e9` is a number, and dates are texts. Whole
numbers with a leading zero, octal in YAML 1.1 and decimal in YAML 1.2, are refused. So are keys that are given twice,
tags, and what would take long or much memory: long texts, deep nesting, and aliases that expand to many values.
"""

import re
from os import PathLike
from pathlib import Path
from typing import Any, Final

import yaml

from edge_llm_gym.messages import quoted, shortened

MAX_BYTES: Final = 1_000_000
"""Size of a text."""
MAX_VALUES: Final = 100_000
"""Values of a text: keys, plain values, lists and mappings, with aliases replaced by what they refer to."""
MAX_DEPTH: Final = 50
"""Nested lists and mappings."""
NULL, BOOL, INT, FLOAT = (f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float"))
CORE_SCHEMA: Final = (
    (NULL, r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    (BOOL, r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    (INT, r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        FLOAT,
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
)
"""Tag, pattern and first characters of the plain values that are not texts, in the order in which they are tried."""
LEADING_ZERO: Final = re.compile(r"[-+]?0[0-9]+")
MERGE: Final = "tag:yaml.org,2002:merge"


class YamlError(ValueError):
    """A text that cannot be read: states the line, the rule and the value received."""


def read_yaml(path: str | PathLike[str]) -> Any:
    """The value in a YAML file. Raises YamlError, without the path, and OSError for a file that cannot be opened."""
    with Path(path).open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    try:
        return parse_yaml(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise YamlError(
            f"the text must be encoded in UTF-8, got the byte 0x{data[error.start]:02x} at position {error.start}; "
            f"save the file as UTF-8"
        ) from None


def parse_yaml(text: str) -> Any:
    """The value of a YAML text. Raises YamlError."""
    if len(text) > MAX_BYTES:
        raise YamlError(f"a text may have at most {MAX_BYTES:,} bytes, got more; keep only the settings in it")
    loader = _Loader(text)
    try:
        _check_events(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _TreeCheck().measure(node)
        return loader.construct_document(node)
    except yaml.YAMLError as error:
        if "maximum nesting depth" in str(error):  # a limit of PyYAML's scanner, which reads ahead of the check here
            raise YamlError(_NESTED) from None
        raise YamlError(f"not valid YAML: {shortened(str(error))}") from None
    finally:
        loader.dispose()


def dump_yaml(data: Any) -> str:
    """The data as YAML that `parse_yaml` reads as the same data, and so does a reader of YAML 1.1."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def is_file(path: str | PathLike[str]) -> bool:
    """Whether there is a file; False, too, for a text that no path can be, such as one that is too long."""
    try:
        return Path(path).is_file()
    except (OSError, ValueError):
        return False


_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C where PyYAML has it, ten times as fast


class _Loader(_Base):  # type: ignore[misc] # chosen at run time
    """A safe loader with the core schema of YAML 1.2."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, Any]]] = {}  # noqa: RUF012 - PyYAML's own convention


def _construct_int(loader: Any, node: yaml.ScalarNode) -> int:
    text: str = loader.construct_scalar(node)
    if LEADING_ZERO.fullmatch(text):
        raise YamlError(
            f"line {_line(node)}: a whole number must not begin with 0, which some readers take for octal, got {text}; "
            f"write {_without_zeros(text)}"
        )
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    try:
        return int(text[2:] if base != 10 else text, base)
    except ValueError:
        raise YamlError(f"line {_line(node)}: a number of {len(text)} digits is too long; shorten it") from None


def _without_zeros(text: str) -> str:
    sign = text[0] if text[0] in "+-" else ""
    return sign + (text.lstrip("+-").lstrip("0") or "0")


def _construct_float(loader: Any, node: yaml.ScalarNode) -> float:
    text: str = loader.construct_scalar(node).lower()
    return float(text.replace(".inf", "inf").replace(".nan", "nan"))


def _line(where: yaml.Node | yaml.Event) -> int:
    mark: Any = where.start_mark
    return int(mark.line) + 1


for _tag, _pattern, _first in CORE_SCHEMA:
    _Loader.add_implicit_resolver(_tag, re.compile(rf"(?:{_pattern})\Z"), _first)
_Loader.add_implicit_resolver(MERGE, re.compile(r"<<\Z"), ["<"])
_Loader.add_constructor(INT, _construct_int)
_Loader.add_constructor(FLOAT, _construct_float)


class _Dumper(yaml.SafeDumper):
    """A dumper that puts in quotes every text that a reader of YAML 1.1 or 1.2 takes for something else."""


for _tag, _pattern, _first in CORE_SCHEMA:
    _Dumper.add_implicit_resolver(_tag, re.compile(rf"(?:{_pattern})\Z"), _first)


def _check_events(text: str) -> None:
    """Raises YamlError for deep nesting, many values and tags, before anything recursive reads the text."""
    depth = count = 0
    for event in yaml.parse(text, Loader=_Base):
        count += 1
        if isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
            continue
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        if depth > MAX_DEPTH:
            raise YamlError(f"line {_line(event)}: {_NESTED}")
        if count > 2 * MAX_VALUES:
            raise YamlError(f"line {_line(event)}: {_MANY}")
        if tag := getattr(event, "tag", None):
            raise YamlError(
                f"line {_line(event)}: not valid YAML here, as tags are not supported, got {quoted(tag)}; write the "
                f"plain value"
            )


_NESTED: Final = f"lists and mappings may be nested {MAX_DEPTH} deep, got more; flatten them"
_MANY: Final = f"a text may hold {MAX_VALUES:,} values, aliases expanded, got more; leave out what is not needed"


class _TreeCheck:
    """Checks a tree of nodes, with its aliases replaced by what they refer to: keys, number of values and depth."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[int, int]] = {}  # by identity of the node
        self._open: set[int] = set()

    def measure(self, node: yaml.Node) -> tuple[int, int]:
        """Number of values and depth of a node. Raises YamlError for a broken rule."""
        if id(node) in self._known:
            return self._known[id(node)]
        if id(node) in self._open:
            raise YamlError(f"line {_line(node)}: an alias refers to the value that it is part of; write it out")
        self._open.add(id(node))
        size, depth = self._measure_parts(node)
        self._open.remove(id(node))
        if size > MAX_VALUES:
            raise YamlError(f"line {_line(node)}: {_MANY}")
        if depth > MAX_DEPTH:
            raise YamlError(f"line {_line(node)}: {_NESTED}")
        self._known[id(node)] = size, depth
        return size, depth

    def _measure_parts(self, node: yaml.Node) -> tuple[int, int]:
        if isinstance(node, yaml.ScalarNode):
            return 1, 0
        if isinstance(node, yaml.MappingNode):
            _require_distinct_keys(node)
            children = [part for pair in node.value for part in pair]
        else:
            children = node.value
        parts = [self.measure(child) for child in children]
        return 1 + sum(size for size, _ in parts), 1 + max((depth for _, depth in parts), default=0)


def _require_distinct_keys(node: yaml.MappingNode) -> None:
    seen: set[str] = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise YamlError(f"line {_line(key)}: a key must be a text, got a list or a mapping; write a text")
        if key.tag != MERGE and key.value in seen:
            raise YamlError(f"line {_line(key)}: the key {quoted(key.value)} is given twice; keep one of them")
        seen.add(key.value)
