"""Reads the columns of public trace files; errors name the file, line, column, value and rule."""

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TextIO

import numpy as np
from numpy.typing import NDArray

from edge_llm_gym.names import known_name, suggestion
from edge_llm_gym.workload.trace_formats import FORMATS, TOKENS, TOKENS_OR_FAILURE, Field, TraceFormat

Row = tuple[int, list[str]]
"""Line number in the file, from 1, and the texts of its fields."""


class TraceError(ValueError):
    """A trace file violates a rule of its format; the message names file, line, column, value and rule."""


class TraceColumns(NamedTuple):
    """The three columns of a trace, in the order of the file: clock not yet set to 0, rows not yet sorted."""

    arrival_s: NDArray[np.float64]
    """float64 [n], seconds on the file's own clock"""
    prompt_tokens: NDArray[np.int64]
    """int64 [n], at least 1; 0 for a failed request in formats that mark failures so"""
    output_tokens: NDArray[np.int64]
    """int64 [n], as for the prompt"""


def read_columns(path: Path, format_name: str | None = None) -> TraceColumns:
    """The columns of a trace file; by default the format is detected from the first line.

    Raises TraceError for a file that is empty, of unknown format, not UTF-8, or invalid in some row; ValueError for an
    unknown format name; FileNotFoundError.
    """
    if format_name is not None:
        known_name("trace format", format_name, FORMATS)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first_line = file.readline()
            layout = FORMATS[format_name or _detect(path, first_line)]
            file.seek(0)
            rows = list((_json_rows if layout.json_lines else _csv_rows)(path, file, layout))
    except (UnicodeDecodeError, csv.Error) as error:
        raise TraceError(f"{path}: a trace must be UTF-8 text, one request a line; {error}") from error
    if not rows:
        raise TraceError(f"{path}: a trace must hold at least one request, got none")
    return _convert_rows(path, rows, layout)


def _detect(path: Path, first_line: str) -> str:
    """The format that shares most columns with the first line; reading fails if a column is still missing."""
    json_lines = first_line.lstrip().startswith("{")
    names = _json_names(first_line) if json_lines else set(next(csv.reader([first_line]), []))
    candidates = {name: layout.columns for name, layout in FORMATS.items() if layout.json_lines == json_lines}
    shared = {name: len(names.intersection(columns)) for name, columns in candidates.items()}
    best = max(shared, key=lambda name: shared[name])
    if not shared[best]:
        known = "; ".join(f"{name}: {', '.join(layout.columns)}" for name, layout in FORMATS.items())
        raise TraceError(f"{path}, line 1: must name the columns of a known format ({known}), got {first_line[:80]!r}")
    return best


def _json_names(line: str) -> set[str]:
    try:
        return set(json.loads(line))
    except json.JSONDecodeError:
        return set()


def _csv_rows(path: Path, file: TextIO, layout: TraceFormat) -> Iterator[Row]:
    reader = csv.reader(file)
    header = next(reader, [])
    where = [_position(path, column, header) for column in layout.columns]
    for fields in reader:
        if len(fields) == len(header):
            yield reader.line_num, [fields[index] for index in where]
        elif fields:
            rule = f"must have {len(header)} fields, as the header has"
            raise TraceError(f"{path}, line {reader.line_num}: {rule}, got {len(fields)}: {fields!r}")


def _position(path: Path, column: str, header: list[str]) -> int:
    if column not in header:
        raise TraceError(f"{path}, line 1: column {column!r} is missing; {suggestion(column, header)}")
    return header.index(column)


def _json_rows(path: Path, file: TextIO, layout: TraceFormat) -> Iterator[Row]:
    for number, line in enumerate(file, start=1):
        if line.strip():
            record = _json_record(f"{path}, line {number}", line)
            missing = [column for column in layout.columns if column not in record]
            if missing:
                hint = suggestion(missing[0], record)
                raise TraceError(f"{path}, line {number}: column {missing[0]!r} is missing; {hint}")
            yield number, [str(record[column]) for column in layout.columns]


def _json_record(where: str, line: str) -> dict[str, object]:
    try:
        record = json.loads(line)
    except json.JSONDecodeError as error:
        raise TraceError(f"{where}: must be a JSON object, got {line[:80]!r} ({error})") from error
    if not isinstance(record, dict):
        raise TraceError(f"{where}: must be a JSON object, got {line[:80]!r}")
    return record


def _convert_rows(path: Path, rows: list[Row], layout: TraceFormat) -> TraceColumns:
    lines, fields = zip(*rows, strict=True)
    tokens = TOKENS_OR_FAILURE if layout.zero_is_failure else TOKENS
    arrival_s, prompt, output = (
        _convert(path, lines, name, list(texts), kind)
        for name, texts, kind in zip(
            layout.columns, zip(*fields, strict=True), (layout.clock, tokens, tokens), strict=True
        )
    )
    return TraceColumns(arrival_s, prompt.astype(np.int64), output.astype(np.int64))


def _convert(path: Path, lines: Sequence[int], column: str, texts: list[str], kind: Field) -> NDArray[np.float64]:
    """Converts all texts at once; if that fails, one by one, to name the first invalid row."""
    try:
        values = kind.parse(texts)
    except ValueError:
        bad = next(index for index, text in enumerate(texts) if not _parses(kind, text))
    else:
        accepted = kind.accepts(values)
        if accepted.all():
            return values
        bad = int(np.argmin(accepted))
    raise TraceError(f"{path}, line {lines[bad]}, column {column!r}: {kind.rule}, got {texts[bad]!r}")


def _parses(kind: Field, text: str) -> bool:
    try:
        kind.parse([text])
    except ValueError:
        return False
    return True
