"""Bootstrap intervals against theory."""

import numpy as np
import pytest

from edge_llm_gym.evaluation.statistics import bootstrap_mean, paired_difference, paired_ratio


def test_interval_agrees_with_the_normal_law():
    samples = np.random.default_rng(0).normal(5.0, 2.0, 400)
    interval = bootstrap_mean(samples)
    half = 1.96 * samples.std() / np.sqrt(samples.size)
    assert interval.mean == pytest.approx(samples.mean())
    assert interval.low == pytest.approx(samples.mean() - half, rel=0.02)
    assert interval.high == pytest.approx(samples.mean() + half, rel=0.02)


def test_coverage_is_near_the_level():
    rng = np.random.default_rng(1)
    hits = 0
    for trial in range(200):
        interval = bootstrap_mean(rng.exponential(1.0, 50), seed=trial)
        hits += interval.low <= 1.0 <= interval.high
    assert 0.87 <= hits / 200 <= 0.99  # 95 % nominal, a little less for skewed samples; +-3 standard errors


def test_pairing_removes_the_variation_between_seeds():
    rng = np.random.default_rng(2)
    shared = rng.normal(0.0, 100.0, 30)
    first, second = shared + 1.0 + rng.normal(0, 0.1, 30), shared
    assert paired_difference(first, second).excludes_zero
    assert not bootstrap_mean(first).excludes_zero


def test_nan_samples_are_left_out_and_no_sample_gives_nan():
    assert bootstrap_mean(np.array([1.0, np.nan, 3.0])).mean == 2.0
    assert np.isnan(bootstrap_mean(np.array([np.nan])).mean)


def test_a_paired_ratio_agrees_with_the_delta_method():
    rng = np.random.default_rng(3)
    below = rng.normal(10.0, 2.0, 400)
    above = 0.9 * below + rng.normal(0.0, 1.0, 400)
    got, ratio = paired_ratio(above, below), above.mean() / below.mean()
    half = 1.96 * (above - ratio * below).std() / np.sqrt(400) / below.mean()
    assert got.mean == pytest.approx(ratio)
    assert (got.high - got.low) / 2 == pytest.approx(half, rel=0.03)
    assert (got.high + got.low) / 2 == pytest.approx(ratio, abs=half / 10)


def test_a_paired_ratio_leaves_out_pairs_with_nan():
    got = paired_ratio(np.array([1.0, np.nan, 2.0, 9.0]), np.array([2.0, 5.0, 4.0, np.nan]))
    assert (got.mean, got.low, got.high) == (0.5, 0.5, 0.5)
    assert paired_ratio(np.array([1.0]), np.array([4.0])).mean == 0.25
    assert np.isnan(paired_ratio(np.array([np.nan]), np.array([1.0])).mean)
