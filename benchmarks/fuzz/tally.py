"""What a campaign is given, and what it reports."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """What a campaign is given: case i of a seed is the same in every run, whatever the number of cases."""

    count: int
    """Number of cases."""
    seed: int
    """Seed of the cases."""
    jobs: int
    """Number of worker processes."""
    folder: Path
    """Where files of the campaign are kept; exists."""


@dataclass
class Tally:
    """What became of the cases, and the faults among them."""

    outcomes: Counter[str] = field(default_factory=Counter)
    """Outcome -> number of cases."""
    faults: list[str] = field(default_factory=list)
    """One text per fault: the case, what it did, and how to repeat it."""

    def text(self) -> str:
        """The outcomes, one a line, and the faults."""
        lines = [f"{number:8d}  {outcome}" for outcome, number in sorted(self.outcomes.items())]
        total = f"{self.outcomes.total()} cases, {len(self.faults)} faults"
        return "\n".join([*lines, total, *(f"\nFAULT {fault}" for fault in self.faults)])
