"""What a scheduler with a dial can do about a rival: how much faster at equal accuracy, how much surer at equal delay.

The scheduler's frontier goes through the means of its settings, quickest first, straight between them; a setting that
is both slower and less accurate than another is passed over. Whoever is on it can always be worse: below its least
accuracy the frontier has its least delay, beyond its greatest delay its greatest accuracy. Elsewhere it has no answer.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.evaluation.statistics import LEVEL, Interval

RESAMPLES = 2_000
REACHED = 0.95
"""Share of the resampled seeds for which the frontier must have an answer."""
NOT_REACHED = Interval(np.nan, np.nan, np.nan)


def frontier(delay_s: Array, accuracy: Array) -> tuple[Array, Array]:
    """Delays and accuracies [W] of the frontier through points [W]; both ascend."""
    order = np.argsort(delay_s)
    return delay_s[order], np.maximum.accumulate(accuracy[order])


def delay_at(delay_s: Array, accuracy: Array, wanted: float) -> float:
    """Delay at which the frontier through points [W] is as accurate as wanted; NaN where it nowhere is."""
    delays_s, accuracies = frontier(delay_s, accuracy)
    place = int(np.searchsorted(accuracies, wanted))
    if place in (0, accuracies.size):
        return float(delays_s[0]) if place == 0 else np.nan
    return float(np.interp(wanted, accuracies[place - 1 : place + 1], delays_s[place - 1 : place + 1]))


def accuracy_at(delay_s: Array, accuracy: Array, allowed_s: float) -> float:
    """Accuracy of the frontier through points [W] at a delay; NaN where that is less than its least one."""
    return float(np.interp(allowed_s, *frontier(delay_s, accuracy), left=np.nan))


@dataclass(frozen=True, eq=False)
class Rivalry:
    """Settings of a scheduler against a rival on the same n seeds: delays and accuracies [n, W] and [n]."""

    delay_s: Array
    accuracy: Array
    rival_delay_s: Array
    rival_accuracy: Array

    @cached_property
    def _means(self) -> list[tuple[Array, Array, float, float]]:
        """Means over the seeds themselves, then over each resample of them."""
        seeds = len(self.rival_delay_s)
        drawn = np.random.default_rng(0).integers(seeds, size=(RESAMPLES, seeds))
        chosen = np.vstack([np.arange(seeds), drawn])
        samples = (self.delay_s, self.accuracy, self.rival_delay_s, self.rival_accuracy)
        return list(zip(*(one[chosen].mean(axis=1) for one in samples), strict=True))

    def saving(self) -> Interval:
        """Share of the rival's delay that is saved at its accuracy, with its 95 % bootstrap interval over seeds."""
        return _interval(
            [1.0 - delay_at(delay_s, sure, rival) / slow_s for delay_s, sure, slow_s, rival in self._means]
        )

    def gain(self) -> Interval:
        """Accuracy above the rival's at its delay."""
        return _interval([accuracy_at(delay_s, sure, slow_s) - rival for delay_s, sure, slow_s, rival in self._means])


def _interval(figures: list[float]) -> Interval:
    """The first figure is that of all seeds, the others those of resamples; without an answer for nearly all, NaN."""
    resampled = np.array(figures[1:])
    if np.isnan(figures[0]) or (~np.isnan(resampled)).mean() < REACHED:
        return NOT_REACHED
    low, high = np.nanquantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(figures[0], float(low), float(high))
