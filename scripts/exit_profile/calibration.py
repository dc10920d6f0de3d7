"""Calibration of the confidences of an exit profile, accuracy relative to the last exit, and layers saved."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from edge_llm_gym.models.exits import ExitProfile

Floats = NDArray[np.float64]

BINS = 15
COMMON_THRESHOLDS = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True)
class Reliability:
    """The rows of one exit in bins of equal width by confidence; empty bins are left out."""

    count: NDArray[np.int64]
    """[B] rows in the bin"""
    confidence: Floats
    """[B] their mean confidence"""
    accuracy: Floats
    """[B] share of them that is correct"""

    @property
    def ece(self) -> float:
        """Expected calibration error: mean gap between confidence and accuracy of a bin, weighted by its rows.

        Naeini, Cooper and Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", AAAI 2015.
        """
        return float(np.average(np.abs(self.accuracy - self.confidence), weights=self.count))


@dataclass(frozen=True)
class Tradeoff:
    """Layers saved and accuracy of T vectors of thresholds."""

    threshold: Floats
    """[T, E]"""
    saved: Floats
    """[T] mean share of the layers that is not computed, for exits at equal distances"""
    accuracy: Floats
    """[T] share of correct answers"""


def reliability(profile: ExitProfile, exit_index: int, bins: int = BINS) -> Reliability:
    """Bin the rows of one exit by confidence; a bin includes its lower edge, and the last one also its upper edge."""
    confidence = profile.confidence[:, exit_index].astype(np.float64)
    index = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    count = np.bincount(index, minlength=bins)
    used = count > 0
    sums = (np.bincount(index, column, bins) for column in (confidence, profile.correct[:, exit_index]))
    mean_confidence, accuracy = (total[used] / count[used] for total in sums)
    return Reliability(count[used], mean_confidence, accuracy)


def relative_accuracy(profile: ExitProfile, exit_index: int, threshold: float) -> tuple[float, float]:
    """Share of the rows whose confidence at an exit reaches the threshold, and the accuracy there relative to the last.

    Both accuracies are those of these rows; the ratio is at most 1, and 1 if the last exit answers none of them
    correctly. It is the quality that the simulator gives to an answer at this exit (edge_llm_gym/sim/exits.py).
    """
    reaches = profile.confidence[:, exit_index] >= np.float32(threshold)
    here, last = (int(profile.correct[reaches, column].sum()) for column in (exit_index, -1))
    return float(reaches.mean()), min(here / last, 1.0) if last else 1.0


def tradeoff(profile: ExitProfile, thresholds: Floats) -> Tradeoff:
    """The trade-off of the vectors of ``thresholds`` [T, E]."""
    saved = [1 - (profile.exit_of(threshold).mean() + 1) / profile.exits for threshold in thresholds]
    accuracy = [profile.expected_accuracy(threshold) for threshold in thresholds]
    return Tradeoff(thresholds, np.array(saved), np.array(accuracy))


def common_threshold(profile: ExitProfile, values: Floats = COMMON_THRESHOLDS) -> Tradeoff:
    """The trade-off if all exits have the same threshold, for each of the ``values`` [T]."""
    return tradeoff(profile, np.repeat(values[:, None], profile.exits, axis=1))


@lru_cache(maxsize=1)  # a figure and a table need the same points
def own_thresholds(profile: ExitProfile, tries: int = 2000, seed: int = 0) -> Tradeoff:
    """The Pareto-optimal ones of many random vectors with one threshold per exit, sorted by the layers saved.

    They are those for which no other vector saves as many layers at a higher accuracy.
    """
    found = tradeoff(profile, np.random.default_rng(seed).random((tries, profile.exits)))
    order = np.lexsort((-found.accuracy, -found.saved))
    best_before = np.concatenate(([-np.inf], np.maximum.accumulate(found.accuracy[order])[:-1]))
    best = order[found.accuracy[order] > best_before][::-1]
    return Tradeoff(found.threshold[best], found.saved[best], found.accuracy[best])
