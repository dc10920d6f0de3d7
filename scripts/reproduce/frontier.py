"""Compares a tunable scheduler with a competitor at equal accuracy and at equal delay.

The scheduler's frontier interpolates linearly between the means of its settings in order of delay, where a setting that
is dominated (slower and less accurate than another) is replaced by the best accuracy of the faster ones. A competitor
may always be matched by a better setting: below the frontier's lowest accuracy its delay is the lowest one, beyond its
highest delay its accuracy is the highest one. At a higher accuracy or a lower delay than any of its settings the
frontier is undefined (NaN).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.evaluation.statistics import LEVEL, Interval

RESAMPLES: Final = 2_000
MINIMUM_DEFINED_SHARE: Final = 0.95
"""Share of the bootstrap resamples for which the frontier must be defined; an interval is NaN otherwise."""
UNDEFINED: Final = Interval(np.nan, np.nan, np.nan)


def frontier(delay_s: Array, accuracy: Array) -> tuple[Array, Array]:
    """Delays and accuracies [W] of the frontier through points [W]; both ascend."""
    order = np.argsort(delay_s)
    return delay_s[order], np.maximum.accumulate(accuracy[order])


def delay_at(delay_s: Array, accuracy: Array, required: float) -> float:
    """Delay at which the frontier through points [W] reaches the required accuracy; NaN where it never does."""
    delays_s, accuracies = frontier(delay_s, accuracy)
    index = int(np.searchsorted(accuracies, required))
    if index in (0, accuracies.size):
        return float(delays_s[0]) if index == 0 else np.nan
    return float(np.interp(required, accuracies[index - 1 : index + 1], delays_s[index - 1 : index + 1]))


def accuracy_at(delay_s: Array, accuracy: Array, allowed_s: float) -> float:
    """Accuracy of the frontier through points [W] at a delay; NaN where that is below its lowest delay."""
    return float(np.interp(allowed_s, *frontier(delay_s, accuracy), left=np.nan))


@dataclass(frozen=True, eq=False)
class Competition:
    """Settings of a scheduler and a competitor on the same n seeds: delays and accuracies [n, W] and [n]."""

    delay_s: Array
    accuracy: Array
    other_delay_s: Array
    other_accuracy: Array

    @cached_property
    def _means(self) -> list[tuple[Array, Array, float, float]]:
        """Means over the seeds themselves, then over each bootstrap resample of them."""
        seeds = len(self.other_delay_s)
        drawn = np.random.default_rng(0).integers(seeds, size=(RESAMPLES, seeds))
        chosen = np.vstack([np.arange(seeds), drawn])
        samples = (self.delay_s, self.accuracy, self.other_delay_s, self.other_accuracy)
        return list(zip(*(one[chosen].mean(axis=1) for one in samples), strict=True))

    def saving(self) -> Interval:
        """Relative reduction of the competitor's delay at its accuracy, with a 95 % bootstrap interval over seeds."""
        return _interval(
            [1.0 - delay_at(delay_s, accuracy, other) / slow_s for delay_s, accuracy, slow_s, other in self._means]
        )

    def gain(self) -> Interval:
        """Difference to the competitor's accuracy at its delay, with a 95 % bootstrap interval over seeds."""
        return _interval(
            [accuracy_at(delay_s, accuracy, slow_s) - other for delay_s, accuracy, slow_s, other in self._means]
        )


def _interval(values: list[float]) -> Interval:
    """The first value is that of all seeds, the others those of resamples."""
    resampled = np.array(values[1:])
    if np.isnan(values[0]) or (~np.isnan(resampled)).mean() < MINIMUM_DEFINED_SHARE:
        return UNDEFINED
    low, high = np.nanquantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(values[0], float(low), float(high))
