"""Continuation of a fading path: inversion of efficiencies, and the moments of the autoregressive process."""

import numpy as np
import pytest

from edge_llm_gym.models.channel import continued_power, power_given_efficiency

FLOOR, CAP = 0.5, 7.8
DRAWS = 20_000


def drawn(power, mean_snr):
    """Power gains [DRAWS] drawn given the efficiencies that a power gain causes; mean SNR up and down."""
    snr = np.array(mean_snr)[None, None, :]
    efficiency = np.clip(np.log2(1.0 + power * snr), FLOOR, CAP).astype(np.float32)
    rng = np.random.default_rng(0)
    return power_given_efficiency(rng, efficiency, snr, np.float32(FLOOR), np.float32(CAP), DRAWS)[:, 0, 0]


@pytest.mark.parametrize("mean_snr", [(3.0, 40.0), (3.0, 1e6), (1e-6, 40.0)])
def test_an_efficiency_between_the_bounds_determines_the_power_gain(mean_snr):
    np.testing.assert_allclose(drawn(1.7, mean_snr), 1.7, rtol=1e-5)


def test_above_the_cap_the_excess_is_exponential():
    bound = (2**CAP - 1.0) / 1e3
    power = drawn(1.5, (1e3, 1e3))
    assert power.min() >= bound * (1 - 1e-6)
    assert abs((power - bound).mean() - 1.0) < 5.0 / np.sqrt(DRAWS)
    assert abs((power - bound > np.log(2.0)).mean() - 0.5) < 5 * 0.5 / np.sqrt(DRAWS)


def test_below_the_floor_the_power_is_an_exponential_that_ends_there():
    bound = (2**FLOOR - 1.0) / 0.5
    power = drawn(0.1, (0.5, 0.5))
    assert power.max() <= bound * (1 + 1e-6)
    mean = 1.0 - bound * np.exp(-bound) / (1.0 - np.exp(-bound))  # of an exponential, given that it is below the bound
    assert abs(power.mean() - mean) < 5 * bound / np.sqrt(12 * DRAWS)


def test_between_both_bounds_the_two_directions_are_combined():
    lowest, highest = (2**CAP - 1.0) / 1e3, (2**FLOOR - 1.0) / 0.5
    power = drawn(0.5, (0.5, 1e3))  # below the floor on the uplink, above the cap on the downlink
    assert lowest * (1 - 1e-6) <= power.min()
    assert power.max() <= highest * (1 + 1e-6)


@pytest.mark.parametrize("correlation", [0.0, 0.9, -0.4])
@pytest.mark.parametrize("power", [0.05, 3.0])
def test_later_gains_have_the_moments_of_the_process(correlation, power):
    """E[p_t | p_0] = rho^2t p_0 + 1 - rho^2t; the variance is that of a scaled non-central chi-squared variable."""
    later = continued_power(np.random.default_rng(1), correlation, np.full((DRAWS, 1, 1), power), 3)[..., 0, 0]
    for epoch in range(3):
        kept = correlation ** (2 * (epoch + 1))
        mean, variance = kept * power + 1 - kept, (1 - kept) ** 2 + 2 * (1 - kept) * kept * power
        assert abs(later[:, epoch].mean() - mean) < 5 * np.sqrt(variance / DRAWS)
        assert abs(later[:, epoch].var() / variance - 1) < 0.15


def test_a_correlation_of_one_keeps_the_gains():
    power = np.array([[[0.3, 2.0]]])
    np.testing.assert_allclose(continued_power(np.random.default_rng(2), 1.0, power, 2)[0, 1], power[0], rtol=1e-6)


def test_a_correlation_beyond_one_is_refused():
    with pytest.raises(ValueError, match=r"must lie in -1..1, got 1.5"):
        continued_power(np.random.default_rng(3), 1.5, np.ones((1, 1, 1)), 1)
