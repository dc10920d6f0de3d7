"""Means with bootstrap intervals; the seed is the unit of resampling."""

from dataclasses import dataclass

import numpy as np

from edge_llm_gym.arrays import Array

RESAMPLES = 10_000
LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean and its bootstrap interval, whose ends are NaN where there is none."""

    mean: float
    low: float
    high: float

    @property
    def is_defined(self) -> bool:
        """Whether there is an interval; a single sample has none."""
        return self.low == self.low

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies entirely on one side of zero."""
        return self.low > 0 or self.high < 0

    def __str__(self) -> str:
        return f"{self.mean:.4g} [{self.low:.4g}, {self.high:.4g}]" if self.is_defined else f"{self.mean:.4g}"


def bootstrap_mean(samples: Array, seed: int = 0) -> Interval:
    """Mean of independent samples [n] with a percentile bootstrap interval (Efron & Tibshirani 1993, section 13).

    NaN samples are left out; if none remain, mean and interval are NaN, and if one remains, the interval is. The same
    seed resamples the same indices, so that two calls on paired samples are resampled together.
    """
    values = np.asarray(samples, np.float64)
    values = values[~np.isnan(values)]
    if values.size < 2:
        return Interval(float(values[0]) if values.size else np.nan, np.nan, np.nan)
    chosen = np.random.default_rng(seed).integers(values.size, size=(RESAMPLES, values.size))
    low, high = np.quantile(values[chosen].mean(axis=1), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(values.mean()), float(low), float(high))


def paired_difference(samples: Array, reference: Array, seed: int = 0) -> Interval:
    """Mean of the paired differences samples - reference [n] with its bootstrap interval."""
    return bootstrap_mean(np.asarray(samples) - np.asarray(reference), seed)


def paired_ratio(samples: Array, reference: Array, seed: int = 0) -> Interval:
    """Ratio of the means of paired samples [n] with a percentile bootstrap interval over the pairs.

    Pairs in which either is NaN are left out. The interval is NaN for fewer than two pairs, the ratio for none.
    """
    pairs = np.stack([np.asarray(samples, np.float64), np.asarray(reference, np.float64)])
    pairs = pairs[:, ~np.isnan(pairs).any(axis=0)]
    if pairs.shape[1] < 2:
        return Interval(float(pairs[0, 0] / pairs[1, 0]) if pairs.size else np.nan, np.nan, np.nan)
    chosen = np.random.default_rng(seed).integers(pairs.shape[1], size=(RESAMPLES, pairs.shape[1]))
    above, below = pairs[:, chosen].mean(axis=2)
    low, high = np.quantile(above / below, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(pairs[0].mean() / pairs[1].mean()), float(low), float(high))
