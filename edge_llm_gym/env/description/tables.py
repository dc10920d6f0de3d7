"""A description as data: tables of entries, and how they are shown."""

import shutil
from dataclasses import dataclass, fields
from io import StringIO
from textwrap import fill
from typing import Final

from edge_llm_gym.names import known_name
from edge_llm_gym.sheets import Column, Sheet, make_sheet, to_markdown
from edge_llm_gym.sheets.html import to_html
from edge_llm_gym.sheets.terminal import WIDTH_OF_FILES, Terminal


@dataclass(frozen=True)
class Entry:
    """One line of a table. Texts are empty where they do not apply."""

    name: str
    column: str = ""
    """Index along the last axis."""
    code: str = ""
    """The number that stands for the name."""
    shape: str = ""
    """Axes and their sizes, such as "[N=32, K=4, 2]", of one row of a vector environment."""
    dtype: str = ""
    unit: str = ""
    divided_by: str = ""
    """What the quantity is divided by in the observation."""
    range: str = ""
    kind: str = ""
    """Of a metric: flow, level or mean."""
    weight: str = ""
    """Of a metric in the reward."""
    meaning: str = ""


LEFT: Final = ("shape", "dtype", "unit", "divided_by", "kind", "meaning")
"""Fields that are texts."""


@dataclass(frozen=True)
class EntryTable:
    """Entries of one kind; `name` is its path, such as "observation.nodes"."""

    name: str
    title: str
    entries: tuple[Entry, ...]
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the entries."""
        return tuple(entry.name for entry in self.entries)

    def sheet(self) -> Sheet:
        """The table with those columns that have a text."""
        used = [field.name for field in fields(Entry) if any(getattr(entry, field.name) for entry in self.entries)]
        columns = [Column(used[0], "left"), *map(_column, used[1:])] if used else []
        rows = ([getattr(entry, name) for name in used] for entry in self.entries)
        return make_sheet(self.title, columns, rows, self.notes)


def _column(name: str) -> Column:
    return Column(name.replace("_", " "), "left" if name in LEFT else "right", folds=name == "meaning")


@dataclass(frozen=True, repr=False)
class Description:
    """What an environment takes, observes, rewards and reports; as text, the tables fit the terminal."""

    title: str
    tables: tuple[EntryTable, ...]

    def __getitem__(self, name: str) -> EntryTable:
        """The table of a name, such as "action" or "observation.nodes". Raises ValueError for an unknown one."""
        by_name = {table.name: table for table in self.tables}
        return by_name[known_name("table", name, by_name)]

    def part(self, name: str) -> "Description":
        """The tables of a name and of what is below it: "observation" has all of the observation.

        Raises ValueError for an unknown name.
        """
        known = {table.name.split(".")[0] for table in self.tables} | {table.name for table in self.tables}
        known_name("table", name, known)
        chosen = (table for table in self.tables if f"{table.name}.".startswith(f"{name}."))
        return Description(self.title, tuple(chosen))

    def sheets(self) -> list[Sheet]:
        """All tables as sheets."""
        return [table.sheet() for table in self.tables]

    def text(self, width: int | None = None) -> str:
        """The tables as text of a width, by default that of the terminal."""
        file, columns = StringIO(), width or shutil.get_terminal_size((WIDTH_OF_FILES, 0)).columns
        show(Terminal(file=file, width=columns), self)
        lines = (line.rstrip() for line in file.getvalue().splitlines())
        return "\n".join(fill(line, columns) if len(line) > columns else line for line in lines).rstrip()

    def to_markdown(self) -> str:
        """The tables as GitHub's Markdown."""
        return "\n".join(map(to_markdown, self.sheets()))

    def __str__(self) -> str:
        return self.text()

    __repr__ = __str__  # so that `describe(env)` alone shows the tables in an interactive session

    def _repr_html_(self) -> str:
        """For notebooks."""
        return "\n".join(map(to_html, self.sheets()))


def show(terminal: Terminal, description: Description) -> None:
    """Prints a description."""
    terminal.line(description.title, "bold")
    terminal.line()
    for sheet in description.sheets():
        terminal.sheet(sheet)


def range_text(low: float, high: float) -> str:
    """A range of numbers."""
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"
