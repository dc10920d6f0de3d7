"""What a command that is killed must provide."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class Body(Protocol):
    """Starts the work in a folder, or resumes it. Calls `tick` whenever a unit of work is done."""

    def __call__(self, folder: Path, tick: Callable[[], None]) -> None: ...


@dataclass(frozen=True)
class Target:
    """A tiny run that can be killed and resumed."""

    body: Body
    kept: Callable[[Path], int]
    """Units of work that a folder keeps: a resumed run does not repeat them."""
    interval: int
    """Most units that a kill may lose: those since the last complete state, and those of the running interval."""
    differences: Callable[[Path, Path], list[str]]
    """What differs between the folders of an uninterrupted run and of a resumed one, one line each."""
