"""Sheets and texts in a terminal: the only place that prints to one. Texts are plain, nothing in them is markup."""

import os
from typing import IO, Final

from rich import box
from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from edge_llm_gym.sheets.layout import Widths, fitted_layout
from edge_llm_gym.sheets.sheet import Cell, Sheet

WIDTH_OF_FILES: Final = 120
"""Width of tables where the output is no terminal and the variable COLUMNS is not set."""
TONES: Final = {"": "", "good": "green", "bad": "red"}


class Terminal:
    """Prints plain texts and sheets to the standard output, or to the standard error stream.

    Brackets, backslashes and emoji codes in texts are printed as they are. Tables are not wider than the terminal.
    """

    def __init__(self, *, stderr: bool = False, file: IO[str] | None = None, width: int | None = None) -> None:
        self.console = Console(
            stderr=stderr, file=file, width=width or _width(stderr, file), markup=False, highlight=False, emoji=False
        )

    def line(self, text: str = "", style: str = "") -> None:
        """Prints a text. A terminal folds it between words; a file gets it unchanged."""
        self.console.print(Text(text, style), soft_wrap=not self.console.is_terminal)

    def note(self, text: str) -> None:
        """Prints a remark; nothing for an empty text."""
        if text:
            self.line(text, "dim")

    def parts(self, *parts: tuple[str, str]) -> None:
        """Prints a line of texts, each with its own style."""
        self.console.print(Text.assemble(*parts), soft_wrap=not self.console.is_terminal)

    def yaml(self, text: str) -> None:
        """Prints YAML: coloured on a terminal, as it is in a file. Long lines are not broken."""
        shown = Syntax("", "yaml").highlight(text) if self.console.is_terminal else Text(text)
        shown.rstrip()
        self.console.print(shown, soft_wrap=True)

    def error(self, text: str) -> None:
        """Prints an error message."""
        self.parts(("error:", "bold red"), (f" {text}", ""))

    def wrote(self, path: str | os.PathLike[str]) -> None:
        """Prints that a file was written. The path is not broken, so that it can be copied."""
        self.console.print(Text(f"wrote {os.fspath(path)}"), soft_wrap=True)

    def sheet(self, sheet: Sheet) -> None:
        """Prints a sheet, followed by an empty line; several tables below one another where it is too wide for one."""
        if sheet.title:
            self.line(sheet.title, "bold")
        layout = fitted_layout(sheet, self.console.width)
        for index, widths in enumerate(layout.tables):
            if index:
                self.line()
            self.console.print(_table(sheet, widths, layout.gap))
        for note in sheet.notes:
            self.note(note)
        self.line()


def _width(stderr: bool, file: IO[str] | None) -> int | None:
    """None where rich finds out the width of a terminal itself, or reads it from COLUMNS."""
    is_terminal = Console(stderr=stderr, file=file).is_terminal
    return None if is_terminal or os.environ.get("COLUMNS", "").isdigit() else WIDTH_OF_FILES


def _table(sheet: Sheet, widths: Widths, gap: int) -> Table:
    """A table of some columns, which rich sets one column of the terminal apart, beside the padding.

    Every column folds at its width, character by character if it must.
    """
    table = Table(box=box.SIMPLE_HEAD, padding=(0, gap - 1, 0, 0), pad_edge=False, show_edge=False)
    for index, width in widths.items():
        column = sheet.columns[index]
        heading = Text(column.heading, "bold")
        table.add_column(heading, justify=column.align, vertical="top", width=width, overflow="fold")
    for row in sheet.rows:
        table.add_row(*(_text(row[index], bold=index == 0) for index in widths))
    return table


def _text(cell: Cell, *, bold: bool) -> Text:
    return Text(cell.text, "bold" if bold else TONES[cell.tone])
