"""Laws of the channel within confidence bounds: shadowing, Rayleigh fading, Clarke's correlation, ergodic capacity."""

import numpy as np
import pytest

from edge_llm_gym.models.channel import (
    bessel_j0,
    faded_efficiency_paths,
    fading_correlation,
    shadowing_loss_db,
    spectral_efficiency_path,
)

scipy_special = pytest.importorskip("scipy.special", reason="Bessel functions are checked against scipy")

EPOCHS, DEVICES, NODES = 60, 100, 40
LINKS = DEVICES * NODES
Z = 4.5
"""Standard errors allowed to a mean over independent links: a sound sample fails once in 150,000 draws of the seed."""


def power_paths(correlation: float, seed: int = 11) -> np.ndarray:
    """Power gains [H, links] of independent links: SNRs, whose mean is 1, of the efficiencies log2(1 + SNR)."""
    out = np.empty((1, EPOCHS, DEVICES, NODES, 2), np.float32)
    rngs, mean_snr = [np.random.default_rng(seed)], np.ones((1, DEVICES, NODES, 2))
    faded_efficiency_paths(rngs, correlation, mean_snr, (0.0, 1e9), out)
    return np.expm1(out[..., 0].astype(float) * np.log(2.0)).reshape(EPOCHS, LINKS)


def assert_mean(per_link: np.ndarray, expected: float) -> None:
    """The mean over independent links lies within Z standard errors, themselves under 0.05, of what theory says."""
    error = per_link.std(ddof=1) / np.sqrt(per_link.size)
    assert error < 0.05
    assert abs(per_link.mean() - expected) < Z * error


@pytest.mark.parametrize("correlation", [0.0, 0.6, 0.95, -0.8])
def test_mean_power_is_one(correlation: float) -> None:
    assert_mean(power_paths(correlation).mean(axis=0), 1.0)


@pytest.mark.parametrize("correlation", [0.0, 0.6, 0.95, -0.8])
@pytest.mark.parametrize("lag", [1, 2, 5])
def test_power_is_correlated_by_the_square_of_the_gains_correlation(correlation: float, lag: int) -> None:
    # |g|^2 / 2 is exponential of variance 1, and jointly Gaussian gains give Cov = correlation^(2 lag).
    deviation = power_paths(correlation) - 1.0
    assert_mean((deviation[lag:] * deviation[:-lag]).mean(axis=0), correlation ** (2 * lag))


@pytest.mark.parametrize("epoch", [0, 1, EPOCHS - 1])
def test_power_is_exponential_at_every_epoch(epoch: int) -> None:
    # Kolmogorov-Smirnov over independent links: sqrt(n) D exceeds 2.2 with probability 2 exp(-2 * 2.2^2) = 1.3e-4.
    sample = np.sort(power_paths(0.95)[epoch])
    law = 1.0 - np.exp(-sample)
    below, above = np.arange(LINKS) / LINKS, np.arange(1, LINKS + 1) / LINKS
    distance = max(np.max(above - law), np.max(law - below))
    assert np.sqrt(LINKS) * distance < 2.2


@pytest.mark.parametrize("snr", [0.5, 10.0, 200.0])
def test_mean_efficiency_is_the_ergodic_capacity_of_rayleigh_fading(snr: float) -> None:
    # E log2(1 + snr X) for exponential X of mean 1 is exp(1/snr) E1(1/snr) / ln 2.
    out = np.empty((EPOCHS, DEVICES, NODES, 2), np.float32)
    power = power_paths(0.6, seed=12).reshape(EPOCHS, DEVICES, NODES).astype(np.float32)
    mean_snr = np.full((DEVICES, NODES, 2), [snr, 4 * snr])
    spectral_efficiency_path(power, mean_snr, 0.0, 1e9, out)
    for direction, ratio in enumerate((snr, 4 * snr)):
        capacity = np.exp(1 / ratio) * scipy_special.exp1(1 / ratio) / np.log(2)
        assert_mean(out[..., direction].mean(axis=0, dtype=float).ravel(), capacity)


def test_bessel_agrees_with_scipy() -> None:
    x = np.linspace(0.0, 50.0, 5001)
    np.testing.assert_allclose(bessel_j0(x), scipy_special.j0(x), rtol=0, atol=1e-12)
    far = np.array([75.0, 1256.6, 20_000.0])
    np.testing.assert_allclose(bessel_j0(-far), scipy_special.j0(far), rtol=0, atol=1e-12)


def test_fading_correlation_is_clarkes() -> None:
    # 10 Hz over 20 ms: J0(2 pi 0.2) = J0(1.2566).
    assert fading_correlation(10.0, 0.02) == pytest.approx(float(scipy_special.j0(0.4 * np.pi)), abs=1e-12)
    assert fading_correlation(0.0, 5.0) == 1.0


SHADOWED = 20_000
"""Devices whose shadowing is drawn; they are independent of one another."""


@pytest.mark.parametrize("correlation", [0.0, 0.5, 1.0])
def test_shadowing_has_its_deviation_and_its_correlation_between_sites(correlation: float) -> None:
    # Standardised losses x, y to two sites are jointly normal: E x^2 = 1 and E xy = correlation.
    deviation_db = 7.82
    loss = shadowing_loss_db(np.random.default_rng(13), deviation_db, correlation, SHADOWED, np.array([0, 1, 2, 1]))
    x, y, z, other = loss.T / deviation_db
    for site in (x, y, z):
        assert_mean(site, 0.0)
        assert_mean(site**2, 1.0)
    if correlation < 1.0:
        for pair in (x * y, x * z, y * z):
            assert_mean(pair, correlation)
    else:
        np.testing.assert_array_equal(x, y)
    np.testing.assert_array_equal(y, other)
