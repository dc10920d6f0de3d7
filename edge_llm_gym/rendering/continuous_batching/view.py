"""One moment of continuous batching as plain numbers and strings: all that a picture of it needs."""

from dataclasses import dataclass

from edge_llm_gym.rendering.batching.view import BatchingView, LastEpoch, NodeView, Totals
from edge_llm_gym.rendering.outcomes import counts_of
from edge_llm_gym.rendering.palette import OUTCOMES


@dataclass(frozen=True)
class SequenceView:
    """A sequence from the begin of its prefill to its end, or up to now if its outcome is "running"."""

    begin_s: float
    end_s: float
    outcome: str


@dataclass(frozen=True)
class ContinuousNodeView(NodeView):
    """A node. Memory is split into weights, reserved KV caches and free bytes; there are no batches."""

    sequences: tuple[SequenceView, ...]
    """Those that ended in the last epochs, and the running ones."""
    running: int
    waiting: int
    """Sequences that wait for their prefill."""

    def load(self, now_s: float) -> str:
        """Running sequences, and those that wait for their prefill."""
        waiting = f"+{self.waiting}" if self.waiting else ""
        return f"{self.running}{waiting} seq" if self.running or waiting else "idle"


@dataclass(frozen=True)
class ContinuousTotals(Totals):
    """Sums since the reset; arrived = served + late + below_quality + expired + pending + running."""

    running: int

    def counts(self) -> dict[str, int]:
        """Requests by outcome."""
        return counts_of(self, (*OUTCOMES, "running"))


@dataclass(frozen=True)
class ContinuousLastEpoch(LastEpoch):
    """What the last epoch did; sequences that ended in it may have joined before."""

    ended: dict[str, int]
    """Sequences that ended, by outcome."""

    def count(self, outcome: str) -> int:
        """Sequences that ended with an outcome, and slots with another one."""
        return self.ended[outcome] if outcome in self.ended else super().count(outcome)


@dataclass(frozen=True)
class ContinuousView(BatchingView):
    """One row at one decision time."""

    nodes: tuple[ContinuousNodeView, ...]
    totals: ContinuousTotals
    last: ContinuousLastEpoch | None
