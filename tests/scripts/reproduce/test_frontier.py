"""Comparison with a tunable scheduler at equal accuracy and at equal delay, against values computed by hand."""

import numpy as np
import pytest

from scripts.reproduce.frontier import Competition, accuracy_at, delay_at

# A scheduler with four settings: fast and inaccurate, one that the first dominates, medium, slow and accurate.
DELAYS = np.array([1.0, 1.5, 2.0, 4.0])
ACCURACIES = np.array([0.5, 0.4, 0.6, 0.7])


@pytest.mark.parametrize(("accuracy", "delay_s"), [(0.3, 1.0), (0.5, 1.0), (0.55, 1.75), (0.65, 3.0), (0.7, 4.0)])
def test_delay_of_the_frontier_by_hand(accuracy, delay_s):
    for order in ([0, 1, 2, 3], [3, 1, 0, 2]):
        assert delay_at(DELAYS[order], ACCURACIES[order], accuracy) == pytest.approx(delay_s)


@pytest.mark.parametrize(("delay_s", "accuracy"), [(1.0, 0.5), (1.25, 0.5), (1.5, 0.5), (3.0, 0.65), (99.0, 0.7)])
def test_accuracy_of_the_frontier_by_hand(delay_s, accuracy):
    assert accuracy_at(DELAYS, ACCURACIES, delay_s) == pytest.approx(accuracy)


def test_the_frontier_is_undefined_beyond_its_ends():
    assert np.isnan(delay_at(DELAYS, ACCURACIES, 0.71))
    assert np.isnan(accuracy_at(DELAYS, ACCURACIES, 0.9))


def test_comparison_at_equal_accuracy_and_at_equal_delay():
    """Without variation between seeds the interval is the number itself: 0.65 takes 3 s, and 6 s reach 0.7."""
    ones = np.ones(5)
    pair = Competition(np.outer(ones, DELAYS), np.outer(ones, ACCURACIES), 6.0 * ones, 0.65 * ones)
    for interval, expected in ((pair.saving(), 0.5), (pair.gain(), 0.05)):
        assert (interval.mean, interval.low, interval.high) == pytest.approx((expected,) * 3)


def test_a_comparison_that_is_undefined_for_some_resamples_is_undefined():
    """The competitor is out of reach for one of two seeds, so for a quarter of the resamples; the mean is in reach."""
    ones = np.ones(2)
    pair = Competition(np.outer(ones, DELAYS), np.outer(ones, ACCURACIES), ones, np.array([0.5, 0.8]))
    assert np.isnan(pair.saving().mean)
    assert delay_at(DELAYS, ACCURACIES, 0.65) == pytest.approx(3.0)


def test_variation_common_to_both_does_not_widen_the_interval():
    """Every seed shifts both policies by the same amount, so resampling them together cancels in the gain."""
    shift = np.linspace(-0.1, 0.1, 8)
    pair = Competition(
        np.outer(np.ones(8), DELAYS), ACCURACIES + shift[:, None], np.full(8, 4.0), np.full(8, 0.6) + shift
    )
    gain = pair.gain()
    assert (gain.mean, gain.low, gain.high) == pytest.approx((0.1, 0.1, 0.1))
