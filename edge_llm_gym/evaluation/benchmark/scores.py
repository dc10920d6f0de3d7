"""Normalised scores of tasks, and their interquartile mean, with bootstrap intervals.

Agarwal et al., "Deep Reinforcement Learning at the Edge of the Statistical Precipice", NeurIPS 2021: the mean over the
middle half of the scores is less sensitive to outlying tasks than the mean, and less noisy than the median. Intervals
come from a stratified bootstrap: every task stays, and its samples are resampled independently of those of other tasks.
The library rliable of that paper takes runs of training as samples. Here they are seeds of episodes, of which a task's
score is a ratio of means, so the interquartile mean is over the scores of the tasks.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.evaluation.statistics import LEVEL, Interval

RESAMPLES: Final = 2000
"""Number of resamples, as in rliable's examples."""
TRIMMED: Final = 0.25
"""Share of the scores that is left out at each end."""


def normalised_score(samples: Array, random: Array, best: Array) -> Array:
    """(samples - random) / (best - random), of means over the last axis [..., n]: 0 as random, 1 as the best expert.

    NaN where the best expert is not ahead of random.
    """
    gained, best_gained = (samples - random).mean(axis=-1), np.asarray((best - random).mean(axis=-1))
    return np.divide(gained, best_gained, out=np.full(best_gained.shape, np.nan), where=best_gained > 0)


def score_resamples(samples: Array, random: Array, best: Array, stratum: int) -> Array:
    """[RESAMPLES] normalised scores of resampled seeds; the three [n] are resampled together, as paired ones.

    The same stratum resamples the same seeds, for all policies; another one independently. NaN for a single seed.
    """
    size = len(samples)
    if size < 2:
        return np.full(RESAMPLES, np.nan)
    chosen = np.random.default_rng([stratum, size]).integers(size, size=(RESAMPLES, size))
    return normalised_score(np.asarray(samples)[chosen], np.asarray(random)[chosen], np.asarray(best)[chosen])


def interquartile_mean(scores: Array) -> Array:
    """Mean over the last axis [..., n] of the scores without the floor(n / 4) lowest and highest ones."""
    ordered = np.sort(np.asarray(scores, np.float64), axis=-1)
    cut = int(TRIMMED * ordered.shape[-1])
    mean: Array = ordered[..., cut : ordered.shape[-1] - cut].mean(axis=-1)
    return mean


def interval(value: float, resamples: Array) -> Interval:
    """A value with the percentile interval of its resamples; without one if they are NaN."""
    low, high = np.quantile(resamples, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(value), float(low), float(high))


def aggregate(scores: Sequence[float], resamples: Sequence[Array]) -> Interval:
    """Interquartile mean over tasks of scores, with the interval of their resamples, each [RESAMPLES]."""
    return interval(float(interquartile_mean(np.array(scores))), interquartile_mean(np.stack(resamples, axis=-1)))
