"""Replays a recorded trace: windows of its arrivals from a random start, or lengths of random rows."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_llm_gym.workload.arrivals import require_positive
from edge_llm_gym.workload.lengths import TokenCounts
from edge_llm_gym.workload.traces import RecordedLengths, Trace


@dataclass(frozen=True, eq=False)
class TraceReplay:
    """The arrivals of a trace, rescaled in time to `rate_per_s` and repeated periodically, one mean gap after the last.

    Each draw starts at a uniformly random point of the period and repeats the trace as often as its duration requires.
    `jitter_s`, in seconds of the file's own clock, delays each arrival uniformly in [0, jitter_s); the resolution of a
    coarse clock separates coinciding arrivals. Raises ValueError for a trace without two distinct arrival times.
    """

    trace: Trace
    rate_per_s: float
    jitter_s: float = 0.0

    def __post_init__(self) -> None:
        require_positive(rate_per_s=self.rate_per_s, trace_rate_per_s=self.trace.rate_per_s)
        if not 0 <= self.jitter_s < math.inf:
            raise ValueError(
                f"jitter_s must be a finite number of seconds, 0 or more, got {self.jitter_s!r}; pass 0 for none"
            )

    def __str__(self) -> str:
        return f"arrivals of trace {self.trace.name} at {self.rate_per_s:.4g}/s"

    @property
    def notes(self) -> tuple[str, ...]:
        """Changes made to the recording."""
        return self.trace.notes

    def draw(self, rng: np.random.Generator, duration_s: float) -> NDArray[np.float64]:
        """Arrival times [s], sorted, in [0, duration_s)."""
        return self.draw_rows(rng, duration_s)[0]

    def draw_rows(self, rng: np.random.Generator, duration_s: float) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Arrival times [s], sorted, in [0, duration_s), and the trace's row of each arrival, int64 [n]."""
        time_scale = self.trace.rate_per_s / self.rate_per_s
        since_start_s, row = self._own_window(rng, duration_s / time_scale)
        return np.clip(since_start_s * time_scale, 0.0, np.nextafter(duration_s, 0.0)), row

    def _own_window(self, rng: np.random.Generator, length_s: float) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """A window on the clock of the file, before rescaling."""
        start_s = rng.random() * self._period_s
        # Arrivals up to jitter_s before the window may be delayed into it.
        position = np.arange(self._arrivals_before(start_s - self.jitter_s), self._arrivals_before(start_s + length_s))
        period, row = np.divmod(position, self.trace.requests)
        since_start_s = self.trace.arrival_s[row] + (period * self._period_s - start_s)
        if not self.jitter_s:
            return since_start_s, row
        since_start_s += rng.uniform(0.0, self.jitter_s, position.size)
        order = np.argsort(since_start_s, kind="stable")
        inside = order[(since_start_s[order] >= 0) & (since_start_s[order] < length_s)]
        return since_start_s[inside], row[inside]

    @property
    def _period_s(self) -> float:
        return self.trace.requests / self.trace.rate_per_s

    def _arrivals_before(self, time_s: float) -> int:
        """Arrivals in [0, time_s) of the periodically repeated trace; minus those in [time_s, 0) for negative times."""
        period = math.floor(time_s / self._period_s)
        return period * self.trace.requests + int(
            np.searchsorted(self.trace.arrival_s, time_s - period * self._period_s)
        )


@dataclass(frozen=True, eq=False)
class ResampledLengths:
    """Token counts of rows drawn from a trace with replacement; prompt and output come from the same row."""

    trace: Trace | RecordedLengths

    def __str__(self) -> str:
        return f"lengths of random rows of trace {self.trace.name}"

    @property
    def notes(self) -> tuple[str, ...]:
        """Changes made to the recording."""
        return self.trace.notes

    def draw(self, rng: np.random.Generator, size: int) -> TokenCounts:
        """Token counts of `size` requests."""
        row = rng.integers(self.trace.requests, size=size)
        return TokenCounts(self.trace.prompt_tokens[row], self.trace.output_tokens[row])
