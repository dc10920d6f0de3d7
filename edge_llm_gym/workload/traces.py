"""Recorded request traces: clipping, rescaling and describing them; `trace_reading` reads them from files."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge_llm_gym.workload.arrivals import require_positive
from edge_llm_gym.workload.lengths import Clipped, LengthLimits, TokenCounts
from edge_llm_gym.workload.statistics import busiest_window, dispersion, interarrival_cv, rank_correlation

__all__ = [
    "RecordedLengths",
    "Trace",
    "clip_lengths",
    "describe",
    "describe_lengths",
    "jitter",
    "rescale_rate",
    "sealed",
    "timestamp_resolution_s",
    "window",
]

COINCIDING_SHARE = 0.01
"""The clock counts as coarse if at least this share of arrivals has the timestamp of the previous arrival."""


def sealed(array: NDArray) -> NDArray:
    """The array itself, made read-only; for arrays to which there is no other reference."""
    array.flags.writeable = False
    return array


def _read_only(values: NDArray, dtype: type) -> NDArray:
    """The values if they are a sealed array of this type, else a copy."""
    array = np.asarray(values)
    if array.dtype == dtype and not array.flags.writeable and array.base is None:
        return array
    return sealed(np.array(values, dtype=dtype))


@dataclass(frozen=True, eq=False)
class RecordedLengths:
    """Token counts of n >= 1 recorded requests whose arrival times are not known; the arrays are read-only copies."""

    name: str
    prompt_tokens: NDArray[np.int64]
    """int64 [n], at least 1"""
    output_tokens: NDArray[np.int64]
    """int64 [n], at least 1"""
    notes: tuple[str, ...] = ()
    """Changes made to the recording, in order."""

    def __post_init__(self) -> None:
        for field in ("prompt_tokens", "output_tokens"):
            object.__setattr__(self, field, _read_only(getattr(self, field), np.int64))

    def __reduce__(self) -> tuple[type["RecordedLengths"], tuple[object, ...]]:
        # Unpickled arrays are writeable: construct a new record, so that a copy in a worker is read-only as well.
        return RecordedLengths, (self.name, self.prompt_tokens, self.output_tokens, self.notes)

    @property
    def requests(self) -> int:
        """Number of requests, n."""
        return self.prompt_tokens.size


@dataclass(frozen=True, eq=False)
class Trace:
    """A recorded trace of n >= 1 requests; the arrays are read-only copies, or the given ones if these are sealed.

    Raises ValueError if arrays differ in length, times are unsorted or do not start at 0, or a count is below 1.
    """

    name: str
    arrival_s: NDArray[np.float64]
    """float64 [n], sorted, starting at 0"""
    prompt_tokens: NDArray[np.int64]
    """int64 [n], at least 1"""
    output_tokens: NDArray[np.int64]
    """int64 [n], at least 1"""
    notes: tuple[str, ...] = ()
    """Changes made to the recording, in order."""

    def __post_init__(self) -> None:
        for field, dtype in (("arrival_s", np.float64), ("prompt_tokens", np.int64), ("output_tokens", np.int64)):
            object.__setattr__(self, field, _read_only(getattr(self, field), dtype))
        self._check()

    def _check(self) -> None:
        sizes = self.arrival_s.size, self.prompt_tokens.size, self.output_tokens.size
        if min(sizes) < 1 or len(set(sizes)) > 1:
            raise ValueError(f"a trace needs three arrays of one length, at least 1, got lengths {sizes}")
        if self.arrival_s[0] != 0 or np.any(self.arrival_s[1:] < self.arrival_s[:-1]):
            raise ValueError(f"arrival_s must be sorted and start at 0, got {self.arrival_s!r}")
        for field in ("prompt_tokens", "output_tokens"):
            if (least := getattr(self, field).min()) < 1:
                raise ValueError(f"{field} must be at least 1 everywhere, got {least}; drop such requests")

    def __reduce__(self) -> tuple[type["Trace"], tuple[object, ...]]:
        # Unpickled arrays are writeable: construct a new trace, so that a copy in a worker is read-only as well.
        return Trace, (self.name, self.arrival_s, self.prompt_tokens, self.output_tokens, self.notes)

    @property
    def requests(self) -> int:
        """Number of requests, n."""
        return self.arrival_s.size

    @property
    def span_s(self) -> float:
        """Time from the first arrival to the last."""
        return float(self.arrival_s[-1])

    @property
    def rate_per_s(self) -> float:
        """Gaps per second, (n - 1) / span. Raises ValueError if all arrivals coincide."""
        if not self.span_s > 0:
            raise ValueError(
                f"trace {self.name!r} has no rate: it needs two distinct arrival times or more, "
                f"got a span of {self.span_s} s"
            )
        return (self.requests - 1) / self.span_s


def _sorted_trace(name: str, arrival_s: NDArray[np.float64], tokens: TokenCounts, notes: tuple[str, ...]) -> Trace:
    order = np.argsort(arrival_s, kind="stable")
    since_first_s = arrival_s[order] - arrival_s[order[0]]
    return Trace(name, since_first_s, tokens.prompt[order], tokens.output[order], notes)


def _tokens(trace: Trace) -> TokenCounts:
    return TokenCounts(trace.prompt_tokens, trace.output_tokens)


def rescale_rate(trace: Trace, rate_per_s: float) -> Trace:
    """The trace with its time rescaled to `rate_per_s`; the order and relative gaps are kept."""
    require_positive(rate_per_s=rate_per_s)
    time_scale = trace.rate_per_s / rate_per_s
    note = f"time rescaled by {time_scale:.6g} to {rate_per_s:.6g} requests/s"
    return replace(trace, arrival_s=trace.arrival_s * time_scale, notes=(*trace.notes, note))


def clip_lengths(trace: Trace, max_prompt_tokens: int, max_output_tokens: int) -> tuple[Trace, Clipped]:
    """The trace with prompts and outputs clipped to the limits, and how many of each were clipped."""
    tokens, clipped = LengthLimits(max_prompt_tokens, max_output_tokens).clip(_tokens(trace))
    note = (
        f"clipped {clipped.prompts} prompts to {max_prompt_tokens} tokens and "
        f"{clipped.outputs} outputs to {max_output_tokens}"
    )
    result = replace(trace, prompt_tokens=tokens.prompt, output_tokens=tokens.output, notes=(*trace.notes, note))
    return result, clipped


def jitter(trace: Trace, rng: np.random.Generator, width_s: float) -> Trace:
    """The trace with each arrival delayed uniformly in [0, width_s), which separates arrivals of a coarse clock."""
    require_positive(width_s=width_s)
    arrival_s = trace.arrival_s + rng.uniform(0.0, width_s, trace.requests)
    note = f"arrivals delayed at random by up to {width_s:.6g} s"
    return _sorted_trace(trace.name, arrival_s, _tokens(trace), (*trace.notes, note))


def window(trace: Trace, start_s: float, duration_s: float) -> Trace:
    """The requests of [start_s, start_s + duration_s), timed from the first one. Raises ValueError for none."""
    first, last = np.searchsorted(trace.arrival_s, (start_s, start_s + duration_s))
    if first == last:
        span = f"[{start_s}, {start_s + duration_s}) s"
        raise ValueError(f"trace {trace.name!r} spans {trace.span_s} s and has no request in {span}; move the window")
    rows = slice(first, last)
    note = f"window of {duration_s:.6g} s from {start_s:.6g} s"
    tokens = TokenCounts(trace.prompt_tokens[rows], trace.output_tokens[rows])
    return _sorted_trace(trace.name, trace.arrival_s[rows], tokens, (*trace.notes, note))


def timestamp_resolution_s(trace: Trace) -> float:
    """Resolution of the trace's clock in s; 0 if all arrivals coincide.

    If arrivals coincide often, it is the smallest positive gap, which also covers clocks of uneven steps. Otherwise it
    is the largest number of whole nanoseconds that divides all gaps: 1e-9 for a continuous clock.
    """
    gaps_s = np.diff(trace.arrival_s)
    positive_s = gaps_s[gaps_s > 0]
    if not positive_s.size:
        return 0.0
    if positive_s.size <= (1.0 - COINCIDING_SHARE) * gaps_s.size:
        return float(positive_s.min())
    ticks = np.rint(np.diff(np.rint(trace.arrival_s * 1e9))).astype(np.int64)
    return float(np.gcd.reduce(ticks)) / 1e9


def describe(trace: Trace) -> dict[str, float]:
    """Statistics of the trace by name; NaN if the trace is too short for one of them."""
    return {
        "requests": trace.requests,
        "span_s": trace.span_s,
        "rate_per_s": trace.rate_per_s if trace.span_s > 0 else math.nan,
        "interarrival_cv": interarrival_cv(trace.arrival_s),
        "dispersion_2s": dispersion(trace.arrival_s, 2.0, trace.span_s),
        "dispersion_60s": dispersion(trace.arrival_s, 60.0, trace.span_s),
        "busiest_2s": float(busiest_window(trace.arrival_s, 2.0)),
        "timestamp_resolution_s": timestamp_resolution_s(trace),
        **describe_lengths(trace),
    }


def describe_lengths(recorded: Trace | RecordedLengths) -> dict[str, float]:
    """Statistics of the token counts by name."""
    return {
        "rank_correlation": rank_correlation(recorded.prompt_tokens, recorded.output_tokens),
        **_length_summary("prompt", recorded.prompt_tokens),
        **_length_summary("output", recorded.output_tokens),
    }


def _length_summary(kind: str, tokens: NDArray[np.int64]) -> dict[str, float]:
    quantiles = {f"{kind}_p{percent}": float(np.percentile(tokens, percent)) for percent in (50, 90, 99)}
    return {f"{kind}_mean": float(tokens.mean()), **quantiles, f"{kind}_max": float(tokens.max())}
