import math

import numpy as np
import pytest
from scipy import stats

from edge_llm_gym.workload.statistics import dispersion, interarrival_cv, rank_correlation, window_counts


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
