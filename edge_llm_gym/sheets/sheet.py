"""A table as data: title, columns, rows of formatted cells and notes, independent of where it is shown."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Align = Literal["left", "right"]
Tone = Literal["", "good", "bad"]


@dataclass(frozen=True)
class Column:
    """A column: its heading, which may have line breaks, and the side to which its cells are aligned."""

    heading: str
    align: Align = "right"
    folds: bool = False
    """Whether cells may be broken between words to save width, as those of descriptions."""


@dataclass(frozen=True)
class Cell:
    """A formatted value."""

    text: str
    value: float | None = None
    """The number behind the text, for sorting; None for texts and undefined numbers."""
    tone: Tone = ""

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Sheet:
    """A table. The first column names the rows: it is repeated where a narrow output splits the table.

    Texts are plain: each renderer escapes what its format gives a meaning. Raises ValueError for a row with another
    number of cells than there are columns.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"a row must have one cell per column, that is {len(self.columns)}, got {len(row)}")

    def part(self, columns: Sequence[int]) -> "Sheet":
        """The sheet with only these columns, by index, without title and notes."""
        return Sheet(
            "",
            tuple(self.columns[index] for index in columns),
            tuple(tuple(row[index] for index in columns) for row in self.rows),
        )


def make_sheet(
    title: str,
    columns: Iterable[Column | str],
    rows: Iterable[Iterable[Cell | str]],
    notes: Iterable[str] = (),
) -> Sheet:
    """A sheet of columns and cells, or of texts; the first column given as a text is aligned left, the others right."""
    heads = [column if isinstance(column, Column) else _column(column, index) for index, column in enumerate(columns)]
    cells = (tuple(cell if isinstance(cell, Cell) else Cell(cell) for cell in row) for row in rows)
    return Sheet(title, tuple(heads), tuple(cells), tuple(note for note in notes if note))


def _column(heading: str, index: int) -> Column:
    return Column(heading, "right" if index else "left")
