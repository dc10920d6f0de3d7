"""Rayleigh fading that is correlated over epochs, and the spectral efficiencies of a whole episode."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge_llm_gym.compiled import njit

FloatArray = NDArray[np.float64]


def bessel_j0(x: ArrayLike) -> FloatArray:
    """Bessel function of the first kind and order zero, for real arguments of any shape; the cost grows with them.

    The midpoint rule on Bessel's integral, the mean of cos(x sin t) over 0..pi (DLMF 10.9.1). The integrand is
    periodic, so the error of M points consists of terms from J_2M(x) on, which vanish once 2 M exceeds x by a margin.
    """
    argument = np.asarray(x, dtype=np.float64)
    points = 32 + int(np.max(np.abs(argument), initial=0.0))
    angle = (np.arange(points) + 0.5) * (np.pi / points)
    return np.mean(np.cos(argument[..., np.newaxis] * np.sin(angle)), axis=-1)


def fading_correlation(doppler_hz: float, period_s: float) -> float:
    """Correlation of the complex gain over one period, J0(2 pi f_D T) (Clarke's model of isotropic scattering)."""
    return float(bessel_j0(2 * np.pi * doppler_hz * period_s))


# Normal numbers take half as long if numba optimises their function alone.
@njit(cache=True, linked=False)
def fading_path(rng: np.random.Generator, correlation: float, out: NDArray) -> None:
    """Fill ``out`` [H, D, K] with the Rayleigh power gains |g|^2 / 2, of mean 1, of H epochs.

    Standard normals e_t, real and imaginary part, are drawn by epoch and link. g_0 = e_0 has the stationary
    distribution; then g_t = rho g_{t-1} + sqrt(1 - rho^2) e_t. Raises ValueError for a correlation outside -1..1.
    """
    if not -1.0 <= correlation <= 1.0:
        raise ValueError("the correlation must lie in -1..1")
    epochs, devices, nodes = out.shape
    gain = np.zeros((devices, nodes, 2))
    for t in range(epochs):
        keep = 0.0 if t == 0 else correlation
        fresh = np.sqrt(1.0 - keep * keep)
        for d in range(devices):
            for k in range(nodes):
                real = keep * gain[d, k, 0] + fresh * rng.standard_normal()
                imaginary = keep * gain[d, k, 1] + fresh * rng.standard_normal()
                gain[d, k, 0], gain[d, k, 1] = real, imaginary
                out[t, d, k] = 0.5 * (real * real + imaginary * imaginary)


def spectral_efficiency_path(
    power: NDArray[np.float32], mean_snr: FloatArray, floor: float, cap: float, out: NDArray[np.float32]
) -> None:
    """Fill ``out`` [H, D, K, 2] (float32) with the uplink and downlink efficiencies, bit/s/Hz, of H epochs.

    Both directions have the same power gains [H, D, K] of `fading_path` (time-division duplex, a reciprocal channel)
    and their own mean SNR [D, K, 2]. The efficiency of `spectral_efficiency` is at least ``floor``. Raises ValueError
    for shapes that do not fit.
    """
    if power.shape != out.shape[:3] or mean_snr.shape != out.shape[1:]:
        raise ValueError(
            f"power gains must be [H, D, K], both mean SNRs [D, K, 2] and the efficiencies [H, D, K, 2], got shapes "
            f"{power.shape}, {mean_snr.shape} and {out.shape}"
        )
    for direction in range(mean_snr.shape[-1]):  # contiguous float32 arrays, which numpy vectorises
        efficiency = power * mean_snr[..., direction].astype(np.float32)
        efficiency += np.float32(1.0)
        np.log2(efficiency, out=efficiency)
        np.clip(efficiency, np.float32(floor), np.float32(cap), out=out[..., direction])
