"""Rayleigh fading that is correlated over epochs, and the spectral efficiencies of a whole episode."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge_llm_gym.compiled.streams import Streams, generator_of, normal_kernel, streams_of

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


def faded_efficiency_paths(
    rngs: Sequence[np.random.Generator],
    correlation: float,
    mean_snr: FloatArray,
    bounds: tuple[float, float],
    out: NDArray[np.float32],
) -> None:
    """Fill ``out`` [n, H, D, K, 2] (float32) with spectral efficiencies in bit/s/Hz of H epochs under Rayleigh fading.

    Each of the n episodes has a generator of its own. The power gains |g|^2 / 2 [H, D, K], of mean 1, are those of both
    directions. Standard normals e_t, real and imaginary part, are drawn by epoch and link. g_0 = e_0 has the stationary
    distribution; then g_t = rho g_{t-1} + sqrt(1 - rho^2) e_t. Efficiencies follow from mean SNR [n, D, K, 2] and
    bounds, floor and cap, as in `spectral_efficiency_path`. Raises ValueError for a correlation outside -1..1 and for
    shapes that do not fit.
    """
    if not -1.0 <= correlation <= 1.0:
        raise ValueError(f"the correlation must lie in -1..1, got {correlation!r}")
    n, *links = mean_snr.shape
    if out.shape[:1] + out.shape[2:] != (n, *links) or len(rngs) != n or not out.flags.c_contiguous:
        raise ValueError(
            "mean SNRs must be [n, D, K, 2] and efficiencies [n, H, D, K, 2] in C order for n generators, got shapes "
            f"{mean_snr.shape} and {out.shape} with strides {out.strides} for {len(rngs)} generators"
        )
    _one_plus_snr(streams_of(rngs), correlation, mean_snr, out)
    np.log2(out, out=out)  # contiguous float32 arrays, which numpy vectorises
    np.clip(out, np.float32(bounds[0]), np.float32(bounds[1]), out=out)


@normal_kernel
def _one_plus_snr(streams: Streams, correlation: float, mean_snr: FloatArray, out: NDArray[np.float32]) -> None:
    """Each epoch draws in one loop and computes in another one, which calls nothing and is vectorised."""
    n, epochs, links = out.shape[0], out.shape[1], out.shape[2] * out.shape[3]
    snrs, results = mean_snr.astype(np.float32).reshape(n, links, 2), out.reshape(n, epochs, links, 2)
    gain, normal, one = np.zeros((2, links)), np.empty((2, links)), np.float32(1.0)
    for episode in range(n):
        rng, snr, result = generator_of(streams[episode]), snrs[episode], results[episode]
        for t in range(epochs):
            for link in range(links):
                normal[0, link], normal[1, link] = rng.standard_normal(), rng.standard_normal()
            keep = 0.0 if t == 0 else correlation  # nothing of the gains of another episode
            fresh = np.sqrt(1.0 - keep * keep)
            for link in range(links):
                real = keep * gain[0, link] + fresh * normal[0, link]
                imaginary = keep * gain[1, link] + fresh * normal[1, link]
                gain[0, link], gain[1, link] = real, imaginary
                power = np.float32(0.5 * (real * real + imaginary * imaginary))
                result[t, link, 0] = power * snr[link, 0] + one
                result[t, link, 1] = power * snr[link, 1] + one


def spectral_efficiency_path(
    power: NDArray[np.float32], mean_snr: FloatArray, floor: float, cap: float, out: NDArray[np.float32]
) -> None:
    """Fill ``out`` [H, D, K, 2] (float32) with the uplink and downlink efficiencies, bit/s/Hz, of H epochs.

    Both directions have the same power gains [H, D, K] (time-division duplex, a reciprocal channel)
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
