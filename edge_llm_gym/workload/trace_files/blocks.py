"""Text in blocks of whole lines, and batches of converted rows."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from edge_llm_gym.workload.trace_files.errors import TraceError, shown
from edge_llm_gym.workload.trace_files.fields import Field
from edge_llm_gym.workload.trace_files.formats import TraceFormat

BLOCK_CHARACTERS = 2**21
"""Text is read in blocks of this size, which bounds the memory beside the columns themselves."""
MAX_LINE_CHARACTERS = 2**27
"""Longest line, or item of a JSON document; the result of a benchmark run is one item."""


class Block(NamedTuple):
    """Consecutive lines of a file that are not blank."""

    numbers: Sequence[int]
    """Number of each line in the file, from 1"""
    lines: list[str]


class Batch(NamedTuple):
    """Rows of a file, converted to the stored units of their columns."""

    numbers: NDArray[np.int64]
    """int64 [n], line or item of each row"""
    columns: tuple[NDArray, ...]
    """One array [n] for each column of the format: float64 or int64 for the clock, int64 for tokens"""


class Text(Protocol):
    """A text that can be read in parts."""

    def read(self, size: int, /) -> str:
        """The next characters, at most `size`; none at the end."""
        ...


class StartedText:
    """A text of which a part was read to see what it is: `start` is given out again, in front of `rest`."""

    def __init__(self, start: str, rest: Text) -> None:
        self._start, self._rest = start, rest

    def read(self, size: int, /) -> str:
        """The next characters; the first time the start, whatever its size."""
        start, self._start = self._start, ""
        return start or self._rest.read(size)


def blocks(path: Path, text: Text, number: int = 1) -> Iterator[Block]:
    """The lines that are not blank, without their ends; the first has the given number.

    Raises TraceError for a line that is too long.
    """
    rest: list[str] = []
    while part := text.read(BLOCK_CHARACTERS):
        rest.append(part)
        if "\n" in part:
            *lines, last = "".join(rest).split("\n")
            yield _without_blanks(number, lines)
            number, rest = number + len(lines), [last]
        if sum(map(len, rest)) > MAX_LINE_CHARACTERS:
            raise too_long(f"{path}, line {number}")
    yield _without_blanks(number, ["".join(rest)])


def too_long(where: str) -> TraceError:
    """The error for a line or item that is longer than the limit."""
    return TraceError(f"{where}: must be shorter than {MAX_LINE_CHARACTERS} characters, got more; is this a trace?")


def _without_blanks(first: int, lines: list[str]) -> Block:
    numbers = range(first, first + len(lines))
    if all(lines) and not any(map(str.isspace, lines)):
        return Block(numbers, lines)
    kept = [index for index, line in enumerate(lines) if line.strip()]
    return Block([numbers[index] for index in kept], [lines[index] for index in kept])


class Target(NamedTuple):
    """What the rows of a file are converted to, and how errors name them."""

    path: Path
    layout: TraceFormat
    unit: str = "line"
    """"line", or "item" where the numbers count the items of a JSON array"""

    def where(self, number: int) -> str:
        """The beginning of an error about the row of a number."""
        return f"{self.path}, {self.unit} {number}"

    def convert(self, numbers: Sequence[int], columns: Sequence[Sequence[object]]) -> Batch:
        """A batch from the values of each column [n]. Raises TraceError naming the first row that breaks a rule."""
        layout = self.layout
        parsed = [
            self._column(name, field, numbers, values)
            for name, field, values in zip(layout.columns, layout.fields, columns, strict=True)
        ]
        return Batch(np.asarray(numbers, np.int64), tuple(parsed))

    def _column(self, name: str, field: Field, numbers: Sequence[int], values: Sequence[object]) -> NDArray:
        """Converts all values at once; if that fails, one by one, to name the first invalid row."""
        try:
            return field.parse(values)
        except (ValueError, OverflowError):
            bad = next(index for index, value in enumerate(values) if not _parses(field, value))
        raise TraceError(f"{self.where(numbers[bad])}, column {name!r}: {field.rule}, got {shown(values[bad])}")


def _parses(field: Field, value: object) -> bool:
    try:
        field.parse([value])
    except (ValueError, OverflowError):
        return False
    return True
