"""Progress of commands that take long: a bar on a terminal, a line now and then elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

from edge_llm_gym.sheets.terminal import Terminal

LINE_EVERY_S: Final = 30.0
"""Time between two lines about a task where there is no terminal."""
Advance = Callable[[int], None]
"""Called with the number of units of a task that are done."""


class Progress(Protocol):
    """Where a command says how far it is."""

    def task(self, name: str, total: int, done: int = 0) -> Advance:
        """Begins a task of `total` units, `done` of which are done already."""
        ...

    def say(self, text: str) -> None:
        """Says a result that stays to be read."""
        ...


class Silent:
    """Says nothing."""

    def task(self, name: str, total: int, done: int = 0) -> Advance:
        """Nothing is shown of the task."""
        return lambda done: None

    def say(self, text: str) -> None:
        """Nothing is shown."""


class Lines:
    """Lines: one of a task every `every_s` seconds, with what is done and the time that it took."""

    def __init__(self, terminal: Terminal, every_s: float = LINE_EVERY_S) -> None:
        self._terminal, self._every_s = terminal, every_s

    def task(self, name: str, total: int, done: int = 0) -> Advance:
        """Lines from now on."""
        begin_s = last_s = time.monotonic()

        def advance(done: int) -> None:
            nonlocal last_s
            now_s = time.monotonic()
            if now_s - last_s >= self._every_s:
                last_s = now_s
                self.say(f"{name}: {done:,} of {total:,} after {now_s - begin_s:,.0f} s")

        return advance

    def say(self, text: str) -> None:
        """A line, which is written at once: the reader of a pipe or a file need not wait for the next ones."""
        self._terminal.line(text)
        self._terminal.console.file.flush()


class Bars:
    """A bar for each task, below the lines."""

    def __init__(self, shown: RichProgress, terminal: Terminal) -> None:
        self._shown, self._terminal = shown, terminal

    def task(self, name: str, total: int, done: int = 0) -> Advance:
        """A bar with counts and the remaining time."""
        bar = self._shown.add_task(name, total=total, completed=done)
        return lambda done: self._shown.update(bar, completed=done)

    def say(self, text: str) -> None:
        """A line above the bars."""
        self._terminal.line(text)


@contextmanager
def progress(shown: bool = True, terminal: Terminal | None = None) -> Iterator[Progress]:
    """Bars where the output is a terminal, by default the standard output, and lines elsewhere.

    Nothing unless it is to be `shown`.
    """
    terminal = terminal or Terminal()
    if not shown:
        yield Silent()
    elif not terminal.console.is_terminal:
        yield Lines(terminal)
    else:
        with progress_bars(terminal.console) as bars:
            yield Bars(bars, terminal)


def progress_bars(console: Console | None = None) -> RichProgress:
    """Bars with a label, counts and the remaining time, which vanish at the end."""
    columns = TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    return RichProgress(*columns, console=console, transient=True)
