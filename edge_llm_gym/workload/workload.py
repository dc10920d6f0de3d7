"""Workloads: arrival times and token counts of the requests of an episode, clipped to the scenario's limits."""

from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from edge_llm_gym.workload.arrivals import ArrivalProcess, at_rate
from edge_llm_gym.workload.lengths import LengthLimits, LengthModel, TokenCounts
from edge_llm_gym.workload.replay import TraceReplay
from edge_llm_gym.workload.traces import Trace


class Arrivals(NamedTuple):
    """The n requests of one draw, in order of arrival."""

    arrival_s: NDArray[np.float64]
    """float64 [n], sorted, in [0, duration)"""
    prompt_tokens: NDArray[np.int64]
    """int64 [n], from 1 to max_prompt_tokens"""
    output_tokens: NDArray[np.int64]
    """int64 [n], from 1 to max_output_tokens"""
    clipped_prompts: int
    """Requests whose prompt was longer than the limit"""
    clipped_outputs: int
    """Requests whose output was longer than the limit"""


class Workload(Protocol):
    """A source of requests. A draw depends on its generator alone, never on earlier draws."""

    @property
    def rate_per_s(self) -> float:
        """Mean number of requests per second."""
        ...

    @property
    def max_prompt_tokens(self) -> int:
        """Limit of the prompt tokens."""
        ...

    @property
    def max_output_tokens(self) -> int:
        """Limit of the output tokens."""
        ...

    def draw(self, rng: np.random.Generator, duration_s: float) -> Arrivals:
        """The requests of one episode of `duration_s`."""
        ...

    def at_rate(self, rate_per_s: float) -> "Workload":
        """The same workload with another mean number of requests per second."""
        ...

    def describe(self) -> str:
        """One line of text."""
        ...


class _Limited:
    """Base of the workloads: lengths are clipped to the limits."""

    limits: LengthLimits

    @property
    def max_prompt_tokens(self) -> int:
        """Limit of the prompt tokens."""
        return self.limits.max_prompt_tokens

    @property
    def max_output_tokens(self) -> int:
        """Limit of the output tokens."""
        return self.limits.max_output_tokens

    def _clip(self, arrival_s: NDArray[np.float64], tokens: TokenCounts) -> Arrivals:
        within, clipped = self.limits.clip(tokens)
        return Arrivals(arrival_s, *within, *clipped)


@dataclass(frozen=True)
class SyntheticWorkload(_Limited):
    """Arrivals from a process, and independent lengths from a model."""

    process: ArrivalProcess
    lengths: LengthModel
    limits: LengthLimits

    @property
    def rate_per_s(self) -> float:
        """Mean number of requests per second."""
        return self.process.rate_per_s

    def draw(self, rng: np.random.Generator, duration_s: float) -> Arrivals:
        """The requests of one episode of `duration_s`."""
        arrival_s = self.process.draw(rng, duration_s)
        return self._clip(arrival_s, self.lengths.draw(rng, arrival_s.size))

    def at_rate(self, rate_per_s: float) -> "SyntheticWorkload":
        """The same lengths with arrivals at another rate. Raises ValueError for a rate that is not above 0."""
        return replace(self, process=at_rate(self.process, rate_per_s))

    def describe(self) -> str:
        """One line of text."""
        notes = (note for source in (self.process, self.lengths) for note in getattr(source, "notes", ()))
        return "; ".join([str(self.process), str(self.lengths), str(self.limits), *notes])


@dataclass(frozen=True, eq=False)
class TraceWorkload(_Limited):
    """Whole rows of a trace, arrivals with their own lengths, replayed from a random start (see `TraceReplay`)."""

    trace: Trace
    limits: LengthLimits
    rate_per_s: float
    jitter_s: float = 0.0
    _replay: TraceReplay = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_replay", TraceReplay(self.trace, self.rate_per_s, self.jitter_s))

    def draw(self, rng: np.random.Generator, duration_s: float) -> Arrivals:
        """The requests of one episode of `duration_s`."""
        arrival_s, row = self._replay.draw_rows(rng, duration_s)
        return self._clip(arrival_s, TokenCounts(self.trace.prompt_tokens[row], self.trace.output_tokens[row]))

    def at_rate(self, rate_per_s: float) -> "TraceWorkload":
        """The same trace, its time rescaled to another rate. Raises ValueError for a rate that is not above 0."""
        return replace(self, rate_per_s=rate_per_s)

    def describe(self) -> str:
        """One line of text."""
        return "; ".join([str(self._replay), "lengths of the same rows", str(self.limits), *self.trace.notes])
