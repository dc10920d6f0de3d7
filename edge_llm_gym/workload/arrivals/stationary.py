"""Stationary arrival processes with independent gaps: Poisson and Gamma renewal."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_llm_gym.workload.arrivals.process import require_positive, sorted_uniform


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

    It starts in equilibrium: the gap that covers time 0 is length-biased, that is of shape k + 1 instead of k, and time
    0 is uniform within it (Cox 1962, Renewal Theory, section 5.4). The mean number of arrivals in any window is
    therefore exactly rate times length. Gaps at a large cv may underflow to 0: such arrivals coincide.
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
