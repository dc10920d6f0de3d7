"""Poisson arrivals with a sinusoidal rate."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled.streams import Stream, generator_of, stream_kernel, stream_of
from edge_llm_gym.workload.arrivals.process import require_positive
from edge_llm_gym.workload.arrivals.rate_paths import fill_sorted_uniform


@stream_kernel
def _draw_candidates(stream: Stream, count: int, duration_s: float) -> tuple[Array, Array]:
    """Sorted times [n] at the peak rate, and uniform numbers [n] that decide which of them stay."""
    rng, time_s, uniform = generator_of(stream), np.empty(count), np.empty(count)
    fill_sorted_uniform(rng, duration_s, time_s, 0)
    for index in range(count):
        uniform[index] = rng.random()
    return time_s, uniform


@dataclass(frozen=True)
class DayCycle:
    """Poisson arrivals whose rate follows a sine: rate * (1 + depth * sin(2 pi (t / period_s + phase))).

    `phase` in [0, 1) is the share of the period that has elapsed at time 0. By default it is random in each draw, so
    that the mean over draws is `rate_per_s` for any duration.
    """

    rate_per_s: float
    depth: float
    period_s: float
    phase: float | None = None

    def __post_init__(self) -> None:
        require_positive(rate_per_s=self.rate_per_s, period_s=self.period_s)
        if not 0 <= self.depth <= 1:
            raise ValueError(f"depth must lie in [0, 1], so that the rate stays positive, got {self.depth!r}")
        if self.phase is not None and not 0 <= self.phase < 1:
            raise ValueError(f"phase is a share of the period and must lie in [0, 1), got {self.phase!r}")

    def __str__(self) -> str:
        cycle = f"varying by {self.depth:.0%} over {self.period_s:.4g} s"
        return f"day-cycle arrivals at {self.rate_per_s:.4g}/s, {cycle}"

    def draw(self, rng: np.random.Generator, duration_s: float) -> NDArray[np.float64]:
        """Arrival times [s], sorted, in [0, duration_s), by thinning the peak rate (Lewis & Shedler 1979)."""
        phase = rng.random() if self.phase is None else self.phase
        peak = 1.0 + self.depth
        count = rng.poisson(self.rate_per_s * peak * duration_s)
        arrival_s, uniform = _draw_candidates(stream_of(rng), count, float(duration_s))
        level = 1.0 + self.depth * np.sin(2.0 * math.pi * (arrival_s / self.period_s + phase))
        return arrival_s[uniform * peak < level]
