"""Rows of CSV and TSV files: blocks of plain lines by numpy's reader in C, all others by the csv module."""

import csv
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import NamedTuple

import numpy as np

from edge_llm_gym.workload.trace_files.blocks import Batch, Block, Target
from edge_llm_gym.workload.trace_files.detection import positions
from edge_llm_gym.workload.trace_files.errors import TraceError, shown

DELIMITERS = ",;\t"
_SLOW_ROWS = 2**15


class Header(NamedTuple):
    """The first line of a table."""

    number: int
    delimiter: str
    names: list[str]
    """Names without spaces around them; an empty name stands for a trailing delimiter"""


def read_header(number: int, line: str) -> Header:
    """Splits the header at the delimiter that gives most names."""
    split = {delimiter: next(csv.reader([line], delimiter=delimiter)) for delimiter in DELIMITERS}
    delimiter = max(split, key=lambda each: len(split[each]))
    return Header(number, delimiter, [name.strip() for name in split[delimiter]])


class _Table(NamedTuple):
    target: Target
    header: Header
    where: list[int]
    """Index of each column of the format"""


def table_batches(target: Target, header: Header, blocks: Iterator[Block]) -> Iterator[Batch]:
    """The rows below the header. Raises TraceError for the first row that breaks a rule."""
    where = f"{target.path}, line {header.number}"
    table = _Table(target, header, positions(where, target.layout.needed, header.names))
    for block in blocks:
        if any('"' in line for line in block.lines):
            # A quoted field may span lines, and so blocks: the csv module reads the remainder of the file.
            yield from _quoted(table, chain([block], blocks))
            return
        if block.lines:
            batch = _plain(table, block)
            yield _split(table, block) if batch is None else batch


def _plain(table: _Table, block: Block) -> Batch | None:
    """The rows of a block, converted at once; None if a row has another number of fields or breaks a rule."""
    fields = table.target.layout.fields
    if not _is_regular(table.header, block.lines):
        return None
    dtype = [(str(index), field.dtype) for index, field in enumerate(fields)]
    try:
        rows = np.loadtxt(
            block.lines, dtype, comments=None, delimiter=table.header.delimiter, usecols=table.where, ndmin=1
        )
        columns = [field.checked(rows[name]) for field, (name, _) in zip(fields, dtype, strict=True)]
    except (ValueError, OverflowError):
        return None
    return Batch(np.asarray(block.numbers, np.int64), tuple(columns))


def _is_regular(header: Header, lines: list[str]) -> bool:
    """Whether every line has as many delimiters as the header."""
    expected = len(header.names) - 1
    return all(line.count(header.delimiter) == expected for line in lines)


def _split(table: _Table, block: Block) -> Batch:
    rows = [line.split(table.header.delimiter) for line in block.lines]
    return _converted(table, block.numbers, rows)


def _quoted(table: _Table, blocks: Iterator[Block]) -> Iterator[Batch]:
    """The rows of the remaining blocks, whose fields may be quoted."""
    source = _NumberedLines(blocks)
    reader = csv.reader(source, delimiter=table.header.delimiter)
    while numbered := [(source.number, fields) for fields in islice(reader, _SLOW_ROWS)]:
        numbers, rows = zip(*numbered, strict=True)
        yield _converted(table, numbers, rows)


class _NumberedLines:
    """Iterates over the lines of blocks and keeps the number of the last one."""

    def __init__(self, blocks: Iterator[Block]) -> None:
        self.number = 0
        self._lines = chain.from_iterable(zip(block.numbers, block.lines, strict=True) for block in blocks)

    def __iter__(self) -> Iterator[str]:
        for number, line in self._lines:
            self.number = number
            yield line + "\n"


def _converted(table: _Table, numbers: Sequence[int], rows: Sequence[list[str]]) -> Batch:
    for number, fields in zip(numbers, rows, strict=True):
        _check_size(table, number, fields)
    columns = [[fields[index].strip() for fields in rows] for index in table.where]
    return table.target.convert(numbers, columns)


def _check_size(table: _Table, number: int, fields: list[str]) -> None:
    """Raises TraceError unless the row has the fields of the header; empty ones behind them do not count."""
    names = table.header.names
    named = max(index for index, name in enumerate(names, start=1) if name)
    if not named <= len(fields) or any(field.strip() for field in fields[len(names) :]):
        rule = f"must have {named} fields, as the header has"
        raise TraceError(f"{table.target.where(number)}: {rule}, got {len(fields)}: {shown(fields)}")
