"""Normalised scores and interquartile means, beside SciPy, numbers by hand and a resampling in plain Python."""

import numpy as np
import pytest

from edge_llm_gym.evaluation.benchmark.scores import (
    RESAMPLES,
    aggregate,
    interquartile_mean,
    interval,
    normalised_score,
    score_resamples,
)

RNG = np.random.default_rng(5)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 8, 13])
def test_interquartile_mean_is_scipys_trimmed_mean(count):
    """rliable takes scipy.stats.trim_mean(scores, proportiontocut=0.25)."""
    stats = pytest.importorskip("scipy.stats", reason="SciPy is an extra")
    scores = RNG.normal(size=count)
    assert interquartile_mean(scores) == pytest.approx(stats.trim_mean(scores, 0.25))


def test_interquartile_mean_leaves_out_the_outer_quarters():
    assert interquartile_mean(np.array([9.0, 1.0, -100.0, 3.0, 2.0, 0.0, 1000.0, 2.0])) == pytest.approx(8.0 / 4)


def test_scores_of_random_and_the_best_expert_are_0_and_1():
    random, best = np.array([1.0, 2.0, 3.0]), np.array([5.0, 9.0, 7.0])
    assert normalised_score(random, random, best) == 0.0
    assert normalised_score(best, random, best) == 1.0
    # (mean 4 - mean 2) / (mean 7 - mean 2)
    assert normalised_score(np.array([6.0, 3.0, 3.0]), random, best) == pytest.approx(0.4)


def test_paired_resampling_has_no_noise_where_policies_are_alike():
    random, best = RNG.normal(size=10), 5 + RNG.normal(size=10)
    assert score_resamples(best, random, best, 0) == pytest.approx(np.ones(RESAMPLES))
    halfway = (random + best) / 2
    assert score_resamples(halfway, random, best, 0) == pytest.approx(np.full(RESAMPLES, 0.5))


def test_resamples_are_ratios_of_means_of_the_same_seeds():
    size, stratum = 6, 3
    samples, random, best = RNG.normal(2.0, 1.0, size), RNG.normal(0.0, 1.0, size), RNG.normal(9.0, 1.0, size)
    chosen = np.random.default_rng([stratum, size]).integers(size, size=(RESAMPLES, size))
    expected = []
    for row in chosen[:50]:
        of = [sum(array[seed] for seed in row) / size for array in (samples, random, best)]
        expected.append((of[0] - of[1]) / (of[2] - of[1]))
    assert score_resamples(samples, random, best, stratum)[:50] == pytest.approx(expected)


def test_tasks_are_resampled_independently_of_one_another():
    samples, random, best = RNG.normal(2.0, 1.0, 10), np.zeros(10), np.full(10, 4.0)
    first, second = (score_resamples(samples, random, best, stratum) for stratum in (0, 1))
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.1


def test_interval_of_an_aggregate_has_the_width_of_independent_tasks():
    """Means of n normal samples: the aggregate of four tasks is the mean of the middle two."""
    size = 400
    samples = [RNG.normal(0.5, 1.0, size) for _ in range(4)]
    shift = [array - array.mean() + 0.5 for array in samples]  # the same score in each task
    draws = [score_resamples(array, np.zeros(size), np.ones(size), task) for task, array in enumerate(shift)]
    found = aggregate([0.5] * 4, draws)
    # The middle two of four independent normal numbers have a mean with the variance 0.298 (order statistics).
    expected = 1.96 * np.sqrt(0.298 / size)
    assert found.mean == pytest.approx(0.5)
    assert (found.high - found.low) / 2 == pytest.approx(expected, rel=0.1)


def test_a_single_seed_has_no_interval():
    one = np.ones(1)
    found = interval(0.5, score_resamples(one, 0 * one, 2 * one, 0))
    assert (found.mean, found.is_defined) == (0.5, False)


def test_scores_are_undefined_where_no_expert_is_ahead_of_random():
    level = np.array([1.0, 2.0])
    assert np.isnan(normalised_score(level + 1, level, level))
    assert np.isnan(normalised_score(level + 1, level, level - 1))
    # One of two seeds is such: resamples of that seed alone are undefined, and so is the interval.
    found = interval(0.5, score_resamples(level, np.array([1.0, 1.0]), np.array([1.0, 3.0]), 0))
    assert not found.is_defined
