"""Reads the columns of a trace file; errors name the file, line, column, value and rule."""

import csv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_llm_gym.workload.trace_files.blocks import (
    BLOCK_CHARACTERS,
    Batch,
    Block,
    StartedText,
    Target,
    Text,
    blocks,
)
from edge_llm_gym.workload.trace_files.detection import detect
from edge_llm_gym.workload.trace_files.errors import TraceError
from edge_llm_gym.workload.trace_files.fields import TIMESTAMP
from edge_llm_gym.workload.trace_files.formats import FORMATS, TraceFormat, mapped
from edge_llm_gym.workload.trace_files.json_rows import (
    First,
    document_batches,
    document_items,
    json_line_batches,
    parse_object,
)
from edge_llm_gym.workload.trace_files.packed import open_text
from edge_llm_gym.workload.trace_files.tables import read_header, table_batches

MAX_SPAN_S = 10 * 365.25 * 86400
"""Longest time from the first request to the last: ten years, which no trace reaches."""


class TraceColumns(NamedTuple):
    """The columns of a trace, in the order of the file, without requests of 0 tokens; times are on the file's clock."""

    arrival_s: NDArray[np.float64] | None
    """float64 [n], seconds; None if the format has token counts only"""
    prompt_tokens: NDArray[np.int64]
    """int64 [n], at least 1"""
    output_tokens: NDArray[np.int64]
    """int64 [n], at least 1"""
    dropped: int
    """Rows with 0 prompt or output tokens, which are left out"""
    midnight: np.datetime64 | None
    """Where `arrival_s` is 0, in UTC; None if the clock has no date"""
    note: str
    """Remark of the format on its values, or an empty text"""


class Choice(NamedTuple):
    """How a file is to be read."""

    format: str | None = None
    """A key of `FORMATS`; detected by default"""
    columns: Mapping[str, str] | None = None
    """Names of the columns by the keys of `MAPPING_KEYS`, in place of those of the format, which is `own` by default"""

    def layout(self) -> TraceFormat | None:
        """The format that was chosen; None if it is to be detected."""
        if self.columns:
            return mapped(FORMATS[self.format or "own"], self.columns)
        return None if self.format is None else FORMATS[self.format]


DETECTED = Choice()


class _Opened(NamedTuple):
    layout: TraceFormat
    batches: Iterator[Batch]


def read_columns(path: Path, choice: Choice = DETECTED) -> TraceColumns:
    """The columns of a trace file.

    Raises TraceError for a file without requests, of unknown format, not UTF-8, damaged, invalid in some row, or with a
    span of more than `MAX_SPAN_S`; OSError for a file that cannot be opened.
    """
    with _opened(path, choice) as (layout, batches):
        parts, dropped = _collected(batches)
    if not parts:
        raise TraceError(f"{path}: a trace must hold at least one request, got none; choose another file")
    *clock, prompt, output = (_joined(parts, index) for index in range(len(layout.columns)))
    if not prompt.size:
        raise TraceError(
            f"{path}: a trace must hold at least one request with prompt and output tokens, got {dropped} requests "
            "without; choose another file"
        )
    arrival_s, midnight = _seconds(clock[0], layout) if clock else (None, None)
    if arrival_s is not None:
        _check_span(path, choice, arrival_s)
    return TraceColumns(arrival_s, prompt, output, dropped, midnight, layout.note)


@contextmanager
def _opened(path: Path, choice: Choice) -> Iterator[_Opened]:
    try:
        with open_text(path) as text:
            yield _open_rows(path, text, choice.layout())
    except (UnicodeDecodeError, csv.Error) as error:
        raise TraceError(f"{path}: a trace must be UTF-8 text, one request a line; {error}") from error


def _open_rows(path: Path, text: Text, layout: TraceFormat | None) -> _Opened:
    number, start = 1, text.read(BLOCK_CHARACTERS)
    while start and not start.strip():
        number, start = number + start.count("\n"), text.read(BLOCK_CHARACTERS)
    line = start.lstrip().split("\n", 1)[0].rstrip()
    whole = StartedText(start, text)
    if line.startswith(("{", "[")) and not (line[0] == "{" and line[-1] == "}"):
        return _open_document(path, whole, layout)
    lines = blocks(path, whole, number)
    return (_open_json_lines if line.startswith("{") else _open_table)(path, lines, layout)


def _open_table(path: Path, lines: Iterator[Block], layout: TraceFormat | None) -> _Opened:
    number, line, rest = _first_line(lines)
    header = read_header(number, line)
    layout = layout or detect(f"{path}, line {number}", header.names)
    if layout.rows is not None:
        raise TraceError(f"{path}, line {number}: must be a JSON object with {', '.join(layout.marks)}, got a table")
    return _Opened(layout, table_batches(Target(path, layout), header, rest))


def _open_json_lines(path: Path, lines: Iterator[Block], layout: TraceFormat | None) -> _Opened:
    number, line, rest = _first_line(lines)
    where = f"{path}, line {number}"
    names = list(parse_object(where, line))
    layout = layout or detect(where, names)
    return _Opened(
        layout, json_line_batches(Target(path, layout), First(number, names), _with_line(number, line, rest))
    )


def _open_document(path: Path, text: Text, layout: TraceFormat | None) -> _Opened:
    items = document_items(path, text)
    first = list(islice(items, 1))
    names = list(first[0][1]) if first else []
    layout = layout or detect(f"{path}, item 1", names)
    return _Opened(layout, document_batches(Target(path, layout, "item"), First(1, names), chain(first, items)))


def _first_line(lines: Iterator[Block]) -> tuple[int, str, Iterator[Block]]:
    """Number and text of the first line, and the lines behind it."""
    for block in lines:
        if block.lines:
            return block.numbers[0], block.lines[0], chain([Block(block.numbers[1:], block.lines[1:])], lines)
    return 1, "", lines


def _with_line(number: int, line: str, lines: Iterator[Block]) -> Iterator[Block]:
    return chain([Block([number], [line])], lines)


def _collected(batches: Iterator[Batch]) -> tuple[list[list[NDArray]], int]:
    """Columns of all batches without rows of 0 tokens, and the number of these rows."""
    parts, dropped = [], 0
    for batch in batches:
        kept = _with_tokens(batch)
        dropped += int(kept.size - np.count_nonzero(kept))
        parts.append([column if kept.all() else column[kept] for column in batch.columns])
    return parts, dropped


def _with_tokens(batch: Batch) -> NDArray[np.bool_]:
    *_, prompt, output = batch.columns
    return (prompt > 0) & (output > 0)


def _joined(parts: list[list[NDArray]], index: int) -> NDArray:
    """One column of all batches; its parts are freed."""
    column = np.concatenate([part[index] for part in parts])
    for part in parts:
        part[index] = column[:0]
    return column


def _seconds(clock: NDArray, layout: TraceFormat) -> tuple[NDArray[np.float64], np.datetime64 | None]:
    """Arrival times in s, and the time at which they are 0."""
    if layout.clock is not TIMESTAMP:
        return clock if layout.clock.per_second == 1 else clock / layout.clock.per_second, None
    # Seconds since 1970 would leave float64 with steps of 0.2 us: count from the first day of the file instead.
    midnight = clock.min().astype("datetime64[ns]").astype("datetime64[D]").astype("datetime64[ns]")
    return (clock - midnight.astype(np.int64)) / layout.clock.per_second, midnight


def _check_span(path: Path, choice: Choice, arrival_s: NDArray[np.float64]) -> None:
    """Raises TraceError, which names the row farthest from the others, for a trace that spans too long a time."""
    span_s = float(arrival_s.max() - arrival_s.min())
    if span_s <= MAX_SPAN_S:
        return
    order = np.argsort(arrival_s, kind="stable")
    widest = int(np.argmax(np.diff(arrival_s[order])))
    row = order[widest] if widest + 1 <= order.size / 2 else order[widest + 1]
    raise TraceError(
        f"{path}, {_place(path, choice, int(row))}: the first request and the last must be at most {MAX_SPAN_S:.3g} s "
        f"(10 years) apart, got {span_s:.6g} s, of which {np.diff(arrival_s[order])[widest]:.6g} s without a request "
        "next to this row; remove the row, or name the format whose unit of time is right"
    )


def _place(path: Path, choice: Choice, row: int) -> str:
    """Line or item of a row, which is found by reading the file again."""
    with _opened(path, choice) as (_, batches):
        for batch in batches:
            numbers = batch.numbers[_with_tokens(batch)]
            if row < numbers.size:
                return f"line {numbers[row]}"
            row -= numbers.size
    return "unknown line"
