import math

import numpy as np
import pytest
from scipy import stats

from edge_llm_gym.workload.statistics import (
    busiest_window,
    dispersion,
    interarrival_cv,
    occupied_windows,
    rank_correlation,
    window_counts,
)


def test_window_counts_leave_out_the_window_that_does_not_fit():
    arrival_s = np.array([0.0, 0.5, 1.0, 2.9, 3.0, 6.5])
    assert window_counts(arrival_s, 2.0, 6.9).tolist() == [3, 2, 0]


def test_dispersion_by_hand():
    arrival_s = np.array([0.0, 0.1, 0.2, 1.5, 3.9])
    counts = np.array([3, 1, 0, 1])
    assert dispersion(arrival_s, 1.0, 4.0) == pytest.approx(counts.var() / counts.mean())


def test_interarrival_cv_by_hand():
    assert interarrival_cv(np.array([0.0, 1.0, 4.0])) == pytest.approx(0.5)
    assert interarrival_cv(np.arange(5.0)) == 0.0


def test_rank_correlation_agrees_with_scipy_where_values_tie():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 12, 500)
    y = x + rng.integers(0, 9, 500)
    assert rank_correlation(x, y) == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-12)


def test_too_little_data_is_not_a_number():
    assert math.isnan(interarrival_cv(np.array([0.0, 1.0])))
    assert math.isnan(interarrival_cv(np.zeros(4)))
    assert math.isnan(dispersion(np.arange(5.0), 10.0, 19.0))
    assert math.isnan(dispersion(np.array([]), 1.0, 5.0))
    assert math.isnan(rank_correlation(np.ones(4), np.arange(4)))


def test_occupied_windows_are_those_with_arrivals_and_take_no_memory_for_the_others():
    number, counts = occupied_windows(np.array([0.0, 0.1, 0.3, 1e15, 1e15 + 1]), 0.5)
    assert number.tolist() == [0.0, 2e15, 2e15 + 2]
    assert counts.tolist() == [3, 1, 1]
    assert busiest_window(np.array([0.0, 0.1, 0.3, 1e15]), 0.5) == 3


def test_sparse_windows_agree_with_dense_ones_also_at_their_bounds():
    """Times such as 0.3 lie on bounds of windows of 0.1 only up to rounding."""
    rng = np.random.default_rng(1)
    arrival_s = np.sort(np.concatenate([rng.uniform(0, 40, 300), np.arange(400) * 0.1, np.arange(60) * 0.7]))
    arrival_s -= arrival_s[0]
    for window_s in (0.1, 0.3, 0.7, 2.0):
        span_s = float(arrival_s[-1])
        counts = window_counts(arrival_s, window_s, span_s)
        number, occupied = occupied_windows(arrival_s, window_s)
        inside = number < counts.size
        np.testing.assert_array_equal(occupied[inside], counts[counts > 0])
        np.testing.assert_array_equal(number[inside], np.flatnonzero(counts))
        assert dispersion(arrival_s, window_s, span_s) == pytest.approx(counts.var() / counts.mean(), rel=1e-12)
        assert busiest_window(arrival_s, window_s) == window_counts(arrival_s, window_s, span_s + window_s).max()


def test_dispersion_of_a_sparse_trace_takes_memory_by_arrivals():
    """Nine of ten arrivals at once, and 1e9 windows: mean m = 10 / 1e9, variance (81 + 1) / 1e9 - m^2."""
    arrival_s = np.array([0.0] * 9 + [1e9 - 0.5])
    assert dispersion(arrival_s, 1.0, 1e9) == pytest.approx((82 / 1e9 - 1e-16) / 1e-8)
