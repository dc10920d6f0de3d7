"""Arrival processes: when requests come, drawn as one sorted array per episode."""

import itertools
import math
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numba import njit
from numpy.typing import NDArray


class ArrivalProcess(Protocol):
    """A stationary stream of requests. Nothing is remembered between draws: a draw depends on its generator alone."""

    @property
    def rate_per_s(self) -> float:
        """Mean number of arrivals per second."""
        ...

    def draw(self, rng: np.random.Generator, duration_s: float) -> NDArray[np.float64]:
        """Arrival times [s], float64 [n], sorted, in [0, duration_s); n is random."""
        ...


def require_positive(**values: float) -> None:
    """Raise ValueError for the first named value that is not a positive finite number."""
    for name, value in values.items():
        if not 0 < value < math.inf:
            raise ValueError(f"{name} must be a positive finite number, got {value!r}")


def sorted_uniform(rng: np.random.Generator, count: int, end: float) -> NDArray[np.float64]:
    """`count` independent uniform numbers in [0, end), already sorted, float64 [count].

    Partial sums of exponentials over their total are the order statistics of uniforms (Devroye 1986, section V.3):
    linear in `count`, where drawing and sorting is not.
    """
    sums = np.cumsum(rng.standard_exponential(count + 1))
    return np.minimum(sums[:-1] * (end / sums[-1]), np.nextafter(end, 0.0))


@njit(cache=True)
def _interpolate_sorted(
    x: NDArray[np.float64], known_x: NDArray[np.float64], known_y: NDArray[np.float64], limit: float
) -> NDArray[np.float64]:
    """Linear interpolation at ascending x, all in the range of the ascending known_x; values are cut at a limit."""
    y, piece = np.empty(x.size), 0
    for index in range(x.size):
        while piece < known_x.size - 2 and known_x[piece + 1] < x[index]:
            piece += 1
        width = known_x[piece + 1] - known_x[piece]
        share = (x[index] - known_x[piece]) / width if width > 0.0 else 0.0
        y[index] = min(known_y[piece] + share * (known_y[piece + 1] - known_y[piece]), limit)
    return y


@njit(cache=True)
def _scale_pieces(
    rate: NDArray[np.float64], start_s: NDArray[np.float64], level: NDArray[np.float64], jump_s: NDArray[np.float64]
) -> None:
    """Multiplies the rate of the pieces that begin at ascending start_s by the level that holds there.

    The level changes at each of the ascending jump_s, and is one longer than they.
    """
    jumped = 0
    for piece in range(start_s.size):
        while jumped < jump_s.size and jump_s[jumped] <= start_s[piece]:
            jumped += 1
        rate[piece] *= level[jumped]


@dataclass(frozen=True)
class Poisson:
    """Independent arrivals at a constant rate."""

    rate_per_s: float

    def __post_init__(self) -> None:
        require_positive(rate_per_s=self.rate_per_s)

    def __str__(self) -> str:
        return f"Poisson arrivals at {self.rate_per_s:.4g}/s"

    def draw(self, rng: np.random.Generator, duration_s: float) -> NDArray[np.float64]:
        """Arrival times [s], sorted, in [0, duration_s)."""
        return sorted_uniform(rng, rng.poisson(self.rate_per_s * duration_s), duration_s)


@dataclass(frozen=True)
class GammaBursty:
    """Renewal process with Gamma gaps of coefficient of variation `cv`: bursty above 1, Poisson at 1, regular below.

    It starts in equilibrium: the gap that covers time 0 is length-biased, which makes a Gamma of shape k one of shape
    k + 1, and time 0 falls uniformly within it (Cox 1962, Renewal Theory, section 5.4). The mean number of arrivals in
    any window is therefore exactly rate times length. Gaps at a large cv may underflow to 0: such arrivals coincide.
    """

    rate_per_s: float
    cv: float

    def __post_init__(self) -> None:
        require_positive(rate_per_s=self.rate_per_s, cv=self.cv)

    def __str__(self) -> str:
        return f"Gamma arrivals at {self.rate_per_s:.4g}/s with CV {self.cv:.4g}"

    def draw(self, rng: np.random.Generator, duration_s: float) -> NDArray[np.float64]:
        """Arrival times [s], sorted, in [0, duration_s)."""
        shape, scale_s = self.cv**-2, self.cv**2 / self.rate_per_s
        arrival_s = np.array([rng.random() * rng.gamma(shape + 1.0, scale_s)])
        while arrival_s[-1] < duration_s:
            gaps_s = rng.gamma(shape, scale_s, self._block(duration_s - arrival_s[-1]))
            arrival_s = np.concatenate([arrival_s, arrival_s[-1] + np.cumsum(gaps_s)])
        return arrival_s[: np.searchsorted(arrival_s, duration_s)]

    def _block(self, remaining_s: float) -> int:
        expected = self.rate_per_s * remaining_s
        return int(expected + 3.0 * self.cv * math.sqrt(expected)) + 16


@dataclass(frozen=True)
class DayCycle:
    """Poisson arrivals whose rate follows a sine: rate * (1 + depth * sin(2 pi (t / period_s + phase))).

    `phase` in [0, 1) is the share of the period that lies behind time 0. Left out, each draw starts at a random one,
    so the mean over draws is `rate_per_s` whatever the duration.
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
        difficulty_shift = f"swinging by {self.depth:.0%} over {self.period_s:.4g} s"
        return f"day-cycle arrivals at {self.rate_per_s:.4g}/s, {difficulty_shift}"

    def draw(self, rng: np.random.Generator, duration_s: float) -> NDArray[np.float64]:
        """Arrival times [s], sorted, in [0, duration_s), by thinning the peak rate (Lewis & Shedler 1979)."""
        phase = rng.random() if self.phase is None else self.phase
        peak = 1.0 + self.depth
        arrival_s = sorted_uniform(rng, rng.poisson(self.rate_per_s * peak * duration_s), duration_s)
        level = 1.0 + self.depth * np.sin(2.0 * math.pi * (arrival_s / self.period_s + phase))
        return arrival_s[rng.random(arrival_s.size) * peak < level]


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
                "a level of mean 1 that is silent more often varies more"
            )

    def levels(self, rng: np.random.Generator, count: int) -> NDArray[np.float64]:
        """Independent levels, float64 [count]."""
        heard = 1.0 - self.silence
        spread = heard * (1.0 + self.variance) - 1.0
        level = rng.gamma(1.0 / spread, spread / heard, count) if spread > 0 else np.full(count, 1.0 / heard)
        return level * (rng.random(count) < heard) if self.silence else level


@dataclass(frozen=True)
class ModulatedPoisson:
    """Doubly stochastic Poisson arrivals: the rate is `rate_per_s` times the product of independent `modulations`.

    Several timescales give the counts per window the dispersion, growing with the window, that real traces show.
    """

    rate_per_s: float
    modulations: tuple[Modulation, ...]

    def __post_init__(self) -> None:
        require_positive(rate_per_s=self.rate_per_s)

    def __str__(self) -> str:
        scales = ", ".join(f"{modulation.timescale_s:.3g} s" for modulation in self.modulations)
        return f"modulated Poisson arrivals at {self.rate_per_s:.4g}/s with timescales {scales}"

    def at_rate(self, rate_per_s: float) -> "ModulatedPoisson":
        """The same process with its time stretched to another mean rate, as a replayed trace would be.

        Gaps keep their coefficient of variation, and windows holding as many arrivals keep their dispersion.
        """
        require_positive(rate_per_s=rate_per_s)
        stretch = self.rate_per_s / rate_per_s
        stretched = (replace(each, timescale_s=each.timescale_s * stretch) for each in self.modulations)
        return ModulatedPoisson(rate_per_s, tuple(stretched))

    def draw(self, rng: np.random.Generator, duration_s: float) -> NDArray[np.float64]:
        """Arrival times [s], sorted, in [0, duration_s), by inverting the integrated rate."""
        start_s, rate_per_s = self._rate_path(rng, duration_s)
        edge_s = np.append(start_s, duration_s)
        expected = np.concatenate([[0.0], np.cumsum(rate_per_s * np.diff(edge_s))])
        position = sorted_uniform(rng, rng.poisson(expected[-1]), expected[-1])
        return _interpolate_sorted(position, expected, edge_s, math.nextafter(duration_s, 0.0))

    def _rate_path(
        self, rng: np.random.Generator, duration_s: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Starts [s] of the pieces of constant rate, and the rate [1/s] on each."""
        jumps = [sorted_uniform(rng, rng.poisson(duration_s / m.timescale_s), duration_s) for m in self.modulations]
        start_s = np.sort(np.concatenate([[0.0], *jumps]))
        rate_per_s = np.full(start_s.size, float(self.rate_per_s))
        for modulation, jump_s in zip(self.modulations, jumps, strict=True):
            _scale_pieces(rate_per_s, start_s, modulation.levels(rng, jump_s.size + 1), jump_s)
        return start_s, rate_per_s

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
        """What a trace of length `span_s` shows on average in place of `dispersion(window_s)`.

        The mean of a trace's own n windows stands in for the true one, which takes away I(n w) / n.
        """
        windows = int(span_s / window_s)
        return self.dispersion(window_s) - self.dispersion(windows * window_s) / windows


def _non_empty_subsets(modulations: tuple[Modulation, ...]) -> itertools.chain[tuple[Modulation, ...]]:
    sizes = range(1, len(modulations) + 1)
    return itertools.chain.from_iterable(itertools.combinations(modulations, size) for size in sizes)
