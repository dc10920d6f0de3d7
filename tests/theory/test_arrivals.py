"""Arrival processes against their laws, each with a stated significance at a fixed seed."""

import math

import numpy as np
import pytest
from scipy import integrate, stats

from edge_llm_gym.workload.arrivals import DayCycle, GammaBursty, ModulatedPoisson, Modulation, Poisson
from edge_llm_gym.workload.statistics import window_counts

SIGNIFICANCE = 1e-3
STANDARD_ERRORS = 4.0

MODULATED = ModulatedPoisson(6.0, (Modulation(0.5, 0.4), Modulation(8.0, 0.9, silence=0.3)))
ON_OFF = ModulatedPoisson(6.0, (Modulation(3.0, 2.0, silence=2.0 / 3.0),))


def counts(process, seed, draws, duration_s):
    rng = np.random.default_rng(seed)
    return np.array([process.draw(rng, duration_s).size for _ in range(draws)])


def assert_mean(samples, expected):
    error = np.std(samples) / math.sqrt(len(samples))
    assert abs(np.mean(samples) - expected) < STANDARD_ERRORS * error


def test_poisson_counts_follow_the_poisson_law():
    seen = counts(Poisson(2.0), seed=1, draws=4000, duration_s=5.0)
    edges = np.array([-1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 1000])
    expected = np.diff(stats.poisson.cdf(edges, 10.0)) * seen.size
    observed = np.histogram(seen, bins=edges + 0.5)[0]
    assert stats.chisquare(observed, expected * observed.sum() / expected.sum()).pvalue > SIGNIFICANCE


def test_poisson_counts_have_equal_mean_and_variance():
    seen = counts(Poisson(2.0), seed=2, draws=4000, duration_s=5.0)
    assert_mean(seen, 10.0)
    low, high = stats.chi2.ppf([SIGNIFICANCE / 2, 1 - SIGNIFICANCE / 2], seen.size - 1) / (seen.size - 1)
    assert low < seen.var(ddof=1) / 10.0 < high


def test_poisson_gaps_are_exponential():
    gaps_s = np.diff(Poisson(3.0).draw(np.random.default_rng(3), 3000.0))
    assert stats.kstest(gaps_s, stats.expon(scale=1 / 3.0).cdf).pvalue > SIGNIFICANCE


def test_poisson_arrivals_are_uniform_over_the_draw():
    rng = np.random.default_rng(4)
    arrival_s = np.concatenate([Poisson(1.5).draw(rng, 4.0) for _ in range(1500)])
    assert stats.kstest(arrival_s / 4.0, "uniform").pvalue > SIGNIFICANCE


@pytest.mark.parametrize("cv", [0.4, 1.0, 2.0])
def test_gamma_gaps_follow_the_gamma_law(cv):
    gaps_s = np.diff(GammaBursty(2.0, cv).draw(np.random.default_rng(5), 5000.0))
    assert stats.kstest(gaps_s, stats.gamma(cv**-2, scale=cv**2 / 2.0).cdf).pvalue > SIGNIFICANCE
    assert gaps_s.std() / gaps_s.mean() == pytest.approx(cv, rel=0.06)


@pytest.mark.parametrize("cv", [0.4, 3.0])
def test_gamma_starts_in_equilibrium(cv):
    """The mean count is rate x length from the first instant on, and the first arrival the mean forward recurrence."""
    assert_mean(counts(GammaBursty(2.0, cv), seed=6, draws=6000, duration_s=0.75), 1.5)
    rng = np.random.default_rng(7)
    first_s = [GammaBursty(2.0, cv).draw(rng, 400.0)[0] for _ in range(1500)]
    assert_mean(first_s, (1 + cv**2) / (2 * 2.0))


def test_gamma_with_cv_one_is_poisson():
    seen = counts(GammaBursty(2.0, 1.0), seed=8, draws=3000, duration_s=5.0)
    low, high = stats.chi2.ppf([SIGNIFICANCE / 2, 1 - SIGNIFICANCE / 2], seen.size - 1) / (seen.size - 1)
    assert low < seen.var(ddof=1) / 10.0 < high


def test_day_cycle_counts_follow_the_integrated_rate():
    process, bins = DayCycle(50.0, 0.8, period_s=40.0, phase=0.3), 25
    rng = np.random.default_rng(9)
    edges = np.linspace(0.0, 60.0, bins + 1)
    seen = np.sum([np.histogram(process.draw(rng, 60.0), edges)[0] for _ in range(40)], axis=0)
    integral = 50.0 * (edges - 0.8 * 40.0 / (2 * np.pi) * np.cos(2 * np.pi * (edges / 40.0 + 0.3)))
    expected = 40 * np.diff(integral)
    assert stats.chi2.sf(np.sum((seen - expected) ** 2 / expected), bins) > SIGNIFICANCE


def test_day_cycle_with_a_random_phase_keeps_the_mean_rate():
    assert_mean(counts(DayCycle(5.0, 1.0, period_s=100.0), seed=10, draws=4000, duration_s=7.0), 35.0)


@pytest.mark.parametrize("silence", [0.0, 0.3, 0.6])
def test_modulation_levels_have_mean_one_and_the_given_variance(silence):
    levels = Modulation(1.0, 1.5, silence).levels(np.random.default_rng(11), 200_000)
    assert_mean(levels, 1.0)
    assert_mean((levels - 1.0) ** 2, 1.5)
    if silence:
        assert_mean(levels == 0.0, silence)


def test_the_most_silent_modulation_is_an_on_off_source():
    levels = Modulation(1.0, 3.0, silence=0.75).levels(np.random.default_rng(12), 1000)
    assert set(np.unique(levels)) == {0.0, 4.0}


@pytest.mark.parametrize("process", [MODULATED, ON_OFF], ids=["two scales", "on-off"])
@pytest.mark.parametrize("window_s", [0.2, 2.0, 15.0])
def test_modulated_counts_have_the_closed_form_dispersion(process, window_s):
    seen = counts(process, seed=13, draws=6000, duration_s=window_s)
    mean = process.rate_per_s * window_s
    assert_mean(seen, mean)
    assert_mean((seen - mean) ** 2 / mean, process.dispersion(window_s))


def test_dispersion_is_the_double_integral_of_the_covariance():
    def covariance(lag_s):
        return math.prod(1 + m.variance * math.exp(-lag_s / m.timescale_s) for m in MODULATED.modulations) - 1

    for window_s in (0.1, 3.0, 200.0):
        area, _ = integrate.quad(lambda u, w=window_s: (w - u) * covariance(u), 0, window_s, limit=200)
        assert MODULATED.dispersion(window_s) == pytest.approx(1 + 2 * 6.0 / window_s * area, rel=1e-8)


def test_a_short_trace_shows_the_sample_dispersion():
    """The variance around a trace's own mean is smaller: by a third here, so the correction is seen if it is wrong."""
    rng, window_s, span_s = np.random.default_rng(14), 4.0, 20.0
    variances = [window_counts(MODULATED.draw(rng, span_s), window_s, span_s).var() for _ in range(6000)]
    expected = MODULATED.sample_dispersion(window_s, span_s)
    assert expected < 0.7 * MODULATED.dispersion(window_s)
    assert_mean(np.array(variances) / (6.0 * window_s), expected)


def test_without_modulation_the_process_is_poisson():
    plain = ModulatedPoisson(3.0, ())
    assert plain.dispersion(10.0) == 1.0
    gaps_s = np.diff(plain.draw(np.random.default_rng(15), 2000.0))
    assert stats.kstest(gaps_s, stats.expon(scale=1 / 3.0).cdf).pvalue > SIGNIFICANCE


def test_another_rate_stretches_time():
    fast = MODULATED.at_rate(24.0)
    assert fast.dispersion(0.5) == pytest.approx(MODULATED.dispersion(2.0))
    slow_s, fast_s = (p.draw(np.random.default_rng(16), t) for p, t in ((MODULATED, 100.0), (fast, 25.0)))
    np.testing.assert_allclose(fast_s, slow_s / 4.0)
