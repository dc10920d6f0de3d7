"""Doubly stochastic Poisson arrivals: a rate modulated on several timescales."""

import itertools
import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled.streams import Stream, generator_of, stream_kernel, stream_of
from edge_llm_gym.workload.arrivals.process import require_positive
from edge_llm_gym.workload.arrivals.rate_paths import LAW, arrivals_of_rate, levels_of, rate_path


@stream_kernel
def _draw_levels(stream: Stream, laws: Array, count: int) -> Array:
    level = np.empty(count)
    levels_of(generator_of(stream), laws, 0, level, count)
    return level


@stream_kernel
def _draw_arrivals(stream: Stream, rate_per_s: float, laws: Array, duration_s: float, latest_s: float) -> Array:
    rng = generator_of(stream)
    edge_s, rate = rate_path(rng, rate_per_s, laws, duration_s)
    return arrivals_of_rate(rng, edge_s, rate, latest_s)


@dataclass(frozen=True)
class Modulation:
    """One factor of a modulated rate: a level of mean 1, redrawn at random instants `timescale_s` apart on average.

    A level is 0 with probability `silence`, else Gamma distributed; `variance` is that of the level with the silence
    included. The largest possible silence, variance / (1 + variance), makes an on-off source. Levels at two instants u
    apart have the covariance variance * exp(-u / timescale_s), whatever the silence.
    """

    timescale_s: float
    variance: float
    silence: float = 0.0

    def __post_init__(self) -> None:
        require_positive(timescale_s=self.timescale_s, variance=self.variance)
        limit = self.variance / (1.0 + self.variance)
        if not 0 <= self.silence <= limit:
            raise ValueError(
                f"silence must lie in [0, variance / (1 + variance)] = [0, {limit:.4g}], got {self.silence!r}: "
                "a level of mean 1 with a larger silence has a larger variance"
            )

    @property
    def law(self) -> tuple[float, ...]:
        """A row of the laws of `edge_llm_gym.workload.arrivals.rate_paths`."""
        active = 1.0 - self.silence
        spread = active * (1.0 + self.variance) - 1.0
        shape, scale = (1.0 / spread, spread / active) if spread > 0 else (0.0, 1.0 / active)
        return self.timescale_s, shape, scale, self.silence

    def levels(self, rng: np.random.Generator, count: int) -> NDArray[np.float64]:
        """Independent levels, float64 [count]."""
        return _draw_levels(stream_of(rng), np.array([self.law]), count)


@dataclass(frozen=True)
class ModulatedPoisson:
    """Doubly stochastic Poisson arrivals: the rate is `rate_per_s` times the product of independent `modulations`.

    Several timescales reproduce the dispersion of counts in real traces, which grows with the window.
    """

    rate_per_s: float
    modulations: tuple[Modulation, ...]

    def __post_init__(self) -> None:
        require_positive(rate_per_s=self.rate_per_s)

    def __str__(self) -> str:
        scales = ", ".join(f"{modulation.timescale_s:.3g} s" for modulation in self.modulations)
        return f"modulated Poisson arrivals at {self.rate_per_s:.4g}/s with timescales {scales}"

    def at_rate(self, rate_per_s: float) -> "ModulatedPoisson":
        """The same process with its time rescaled to another mean rate.

        The coefficient of variation of the gaps is kept, and so is the dispersion in windows of equal mean counts.
        """
        require_positive(rate_per_s=rate_per_s)
        time_scale = self.rate_per_s / rate_per_s
        rescaled = (replace(each, timescale_s=each.timescale_s * time_scale) for each in self.modulations)
        return ModulatedPoisson(rate_per_s, tuple(rescaled))

    def draw(self, rng: np.random.Generator, duration_s: float) -> NDArray[np.float64]:
        """Arrival times [s], sorted, in [0, duration_s), by inverting the integrated rate."""
        latest_s = math.nextafter(duration_s, 0.0)
        return _draw_arrivals(stream_of(rng), float(self.rate_per_s), self._laws, float(duration_s), latest_s)

    @cached_property
    def _laws(self) -> Array:
        return np.array([each.law for each in self.modulations]).reshape(-1, len(LAW))

    def dispersion(self, window_s: float) -> float:
        """Index of dispersion of the counts in windows of `window_s`: the exact value for this process.

        I(w) = 1 + (2 rate / w) * integral from 0 to w of (w - u) r(u) du, where r is the covariance of the relative
        rate (Cox & Isham 1980, Point Processes, section 3.3). Here r(u) = prod_k (1 + v_k exp(-u / tau_k)) - 1, a sum
        of exponentials with one term for each set of modulations.
        """
        return 1.0 + sum(self._excess(chosen, window_s) for chosen in _non_empty_subsets(self.modulations))

    def _excess(self, chosen: tuple[Modulation, ...], window_s: float) -> float:
        variance = math.prod(each.variance for each in chosen)
        decay_per_s = sum(1.0 / each.timescale_s for each in chosen)
        x = decay_per_s * window_s
        return 2.0 * self.rate_per_s * variance / decay_per_s * (1.0 + math.expm1(-x) / x)

    def sample_dispersion(self, window_s: float, span_s: float) -> float:
        """Expected dispersion in a trace of length `span_s`, in place of `dispersion(window_s)`.

        The sample mean over the trace's n windows replaces the true mean, which subtracts I(n w) / n.
        """
        windows = int(span_s / window_s)
        return self.dispersion(window_s) - self.dispersion(windows * window_s) / windows


def _non_empty_subsets(modulations: tuple[Modulation, ...]) -> itertools.chain[tuple[Modulation, ...]]:
    sizes = range(1, len(modulations) + 1)
    return itertools.chain.from_iterable(itertools.combinations(modulations, size) for size in sizes)
