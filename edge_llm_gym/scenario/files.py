"""Paths in a scenario: files of catalogue rows are read into it, and paths of other files are made absolute.

Paths in a scenario file are relative to that file. Paths in a mapping or an override are relative to the working
directory, as there is no file to which they could refer.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from edge_llm_gym.messages import quoted
from edge_llm_gym.models.catalogue import HardwareSection, ModelSection, QuantizationSection
from edge_llm_gym.models.hardware import hardware
from edge_llm_gym.models.llm import model_shape
from edge_llm_gym.models.quantization import quantization_method
from edge_llm_gym.settings import SettingsReader
from edge_llm_gym.yaml_text import YamlError, is_file, read_yaml

ROWS: Final[Mapping[str, tuple[SettingsReader[Any], Callable[[Any], Any]]]] = MappingProxyType(
    {
        "model": (SettingsReader("model", ModelSection, ValueError), model_shape),
        "nodes.*.hardware": (SettingsReader("hardware", HardwareSection, ValueError), hardware),
        "nodes.*.quantization": (
            SettingsReader("quantization method", QuantizationSection, ValueError),
            quantization_method,
        ),
    }
)
"""Keys that take the path of a file with a row of a catalogue, the schemas of the rows, and what is made of them."""
ROW_SUFFIXES: Final = (".yaml", ".yml", ".json")
FILES: Final = (
    ("arrivals.file", ("",)),
    ("lengths.file", ("",)),
    ("exits.profile", (".npz",)),
    ("nodes.*.hardware_profile", ROW_SUFFIXES),
)
"""Keys that take the path of another file, with the endings that tell it from a name."""


def read_rows(data: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Replaces paths of catalogue rows by the content of the files, in place; returns the data.

    Raises ValueError, beginning with the key and the path, for a file that is missing, is not YAML, or holds no valid
    row.
    """
    for pattern, (reader, make) in ROWS.items():
        for where, section, key in _places(data, pattern.split(".")):
            if _is_row_path(section[key]):
                section[key] = _row(where, folder / section[key], reader, make)
    return data


def absolute_paths(data: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Makes paths of traces and exit profiles absolute, in place; returns the data."""
    for _, section, key in named_files(data):
        section[key] = str((folder / section[key]).absolute())
    return data


def named_files(data: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], str]]:
    """The places of paths of FILES in the data: dotted path, mapping and key."""
    for pattern, suffixes in FILES:
        for where, section, key in _places(data, pattern.split(".")):
            if isinstance(section[key], str) and section[key].endswith(suffixes):
                yield where, section, key


def _places(data: Any, parts: list[str], where: str = "") -> Iterator[tuple[str, dict[str, Any], str]]:
    """The places that a pattern matches: dotted path, mapping and key; "*" stands for every item of a list."""
    first, *rest = parts
    if first == "*":
        for index, item in enumerate(data if isinstance(data, list) else ()):
            yield from _places(item, rest, f"{where}{index}.")
    elif isinstance(data, dict) and first in data:
        if rest:
            yield from _places(data[first], rest, f"{where}{first}.")
        else:
            yield where + first, data, first


def _is_row_path(value: Any) -> bool:
    return isinstance(value, str) and (value.endswith(ROW_SUFFIXES) or "/" in value)


def _row(where: str, path: Path, reader: SettingsReader[Any], make: Callable[[Any], Any]) -> dict[str, Any]:
    if not is_file(path):
        raise ValueError(
            f"{where}: there is no file {quoted(str(path))}; give a path that exists, a shipped name or a mapping"
        )
    try:
        row = read_yaml(path)
    except YamlError as error:
        raise ValueError(f"{where}: {quoted(str(path))}: {error}") from None
    except OSError as error:
        raise ValueError(
            f"{where}: {quoted(str(path))} cannot be read: {error.strerror}; make the file readable"
        ) from None
    if not isinstance(row, dict):
        raise ValueError(f"{where}: {quoted(str(path))} must hold a mapping, got {type(row).__name__}")
    named = {"name": path.stem, **row}
    try:
        row = reader.validate(quoted(str(path)), named)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    try:
        make(row)
    except ValueError as error:
        raise ValueError(f"{where}: {quoted(str(path))}: {error}") from None
    return named
