"""Rows of JSON files: one object a line, or a document that is an array of objects or a sequence of them."""

import json
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from edge_llm_gym.names import suggestion
from edge_llm_gym.workload.trace_files.blocks import (
    BLOCK_CHARACTERS,
    MAX_LINE_CHARACTERS,
    Batch,
    Block,
    Target,
    Text,
    too_long,
)
from edge_llm_gym.workload.trace_files.detection import positions
from edge_llm_gym.workload.trace_files.errors import TraceError, shown

Record = dict[str, Any]
Numbered = tuple[int, Record]

_DOCUMENT_ROWS = 2**12
_JSON_ERRORS = (ValueError, RecursionError)
_NUMBER_ARRAY = re.compile(r"\[[\d\s,]*\]")
_GAP = re.compile(r"[\s,\[\]]*")
"""What stands between the items of a document."""


class First(NamedTuple):
    """Where the first record of a file is, and its keys."""

    number: int
    names: list[str]


def json_line_batches(target: Target, first: First, blocks: Iterator[Block]) -> Iterator[Batch]:
    """The rows of JSON lines. Raises TraceError for the first row that breaks a rule."""
    keys = _keys(target, first)
    for block in blocks:
        if block.lines:
            batch = _flat_batch(target, keys, block) if target.layout.rows is None else None
            yield batch or _batch(target, keys, _numbered(target, block))


def document_batches(target: Target, first: First, items: Iterator[Numbered]) -> Iterator[Batch]:
    """The rows of the items of a JSON document. Raises TraceError for the first item that breaks a rule."""
    keys = _keys(target, first)
    while numbered := list(islice(items, _DOCUMENT_ROWS)):
        yield _batch(target, keys, numbered)


def _keys(target: Target, first: First) -> list[str]:
    """The keys of the format as this file spells them."""
    needed = target.layout.needed
    return [first.names[index] for index in positions(target.where(first.number), needed, first.names)]


def _flat_batch(target: Target, keys: Sequence[str], block: Block) -> Batch | None:
    """The rows of a block, parsed at once and without arrays of numbers, which no flat format needs and which take most
    of the time; None if a row breaks a rule."""
    try:
        records = json.loads(f"[{_NUMBER_ARRAY.sub('null', ','.join(block.lines))}]")
        if len(records) != len(block.lines):
            return None
        return target.convert(block.numbers, [[record[key] for record in records] for key in keys])
    except (*_JSON_ERRORS, KeyError, TypeError):
        return None


def _numbered(target: Target, block: Block) -> list[Numbered]:
    """The objects of a block, parsed line by line. Raises TraceError for the first that is invalid."""
    return [(number, parse_object(target.where(number), line)) for number, line in zip(*block, strict=True)]


def parse_object(where: str, text: str) -> Record:
    """The JSON object in a text. Raises TraceError for anything else."""
    try:
        record = json.loads(text)
    except _JSON_ERRORS as error:
        raise TraceError(f"{where}: must be a JSON object, got {shown(text)} ({_first_line(error)})") from error
    if not isinstance(record, dict):
        raise TraceError(f"{where}: must be a JSON object, got {shown(text)}")
    return record


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0][:80]


def _batch(target: Target, keys: Sequence[str], numbered: Sequence[Numbered]) -> Batch:
    layout = target.layout
    if layout.rows is not None:
        return _nested_batch(target, keys, numbered)
    try:
        columns = [[record[key] for _, record in numbered] for key in keys]
    except KeyError:
        _check_keys(target, keys, numbered)
        raise
    return target.convert([number for number, _ in numbered], columns)


def _nested_batch(target: Target, keys: Sequence[str], numbered: Sequence[Numbered]) -> Batch:
    _check_keys(target, keys, numbered)
    rows = [(number, *row) for number, record in numbered for row in _rows(target, number, record)]
    numbers, *columns = zip(*rows, strict=True) if rows else ((), *(() for _ in target.layout.columns))
    return target.convert(numbers, columns)


def _rows(target: Target, number: int, record: Record) -> list[tuple[object, ...]]:
    assert target.layout.rows is not None
    try:
        return list(target.layout.rows(record))
    except ValueError as error:
        raise TraceError(f"{target.where(number)}: {error}") from error


def _check_keys(target: Target, keys: Sequence[str], numbered: Sequence[Numbered]) -> None:
    for number, record in numbered:
        for key in keys:
            if key not in record:
                raise TraceError(f"{target.where(number)}: column {key!r} is missing; {suggestion(key, record)}")


def document_items(path: Path, text: Text) -> Iterator[Numbered]:
    """The objects of a JSON array, or of objects one after the other, numbered from 1; reads no more than needed.

    Raises TraceError for the first item that is no object or is longer than the limit of a line.
    """
    buffer, number = _Buffer(text), 1
    while buffer.skip_gap():
        where = f"{path}, item {number}"
        record = buffer.decode(where)
        if not isinstance(record, dict):
            raise TraceError(f"{where}: must be a JSON object, got {shown(record)}")
        yield number, record
        number += 1


class _Buffer:
    """The part of a document that has been read and not yet decoded."""

    def __init__(self, text: Text) -> None:
        self._file, self._decoder = text, json.JSONDecoder()
        self._text, self._position = "", 0

    def skip_gap(self) -> bool:
        """Goes to the next item; False at the end of the document."""
        while True:
            self._position = _end_of_gap(self._text, self._position)
            if self._position < len(self._text):
                return True
            if not self._extend(BLOCK_CHARACTERS):
                return False

    def decode(self, where: str) -> object:
        """The item at the position, of which more is read until it is whole."""
        more = BLOCK_CHARACTERS
        while True:
            try:
                item, self._position = self._decoder.raw_decode(self._text, self._position)
                return item
            except RecursionError as error:
                raise TraceError(f"{where}: must be a JSON object, got one that is nested too deeply") from error
            except ValueError:
                if len(self._text) - self._position > MAX_LINE_CHARACTERS:
                    raise too_long(where) from None
                if not self._extend(more):
                    return parse_object(where, self._text[self._position :])
                more *= 2  # a long item is decoded again and again: a few times only

    def _extend(self, characters: int) -> bool:
        part = self._file.read(characters)
        self._text, self._position = self._text[self._position :] + part, 0
        return bool(part)


def _end_of_gap(text: str, position: int) -> int:
    gap = _GAP.match(text, position)
    return position if gap is None else gap.end()
