"""Continuation of a fading path from the spectral efficiencies of one epoch."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


def power_given_efficiency(
    rng: np.random.Generator, efficiency: ArrayLike, mean_snr: FloatArray, floor: float, cap: float, draws: int
) -> FloatArray:
    """Rayleigh power gains [draws, D, K] of links with known spectral efficiencies and mean SNR [D, K, 2].

    log2(1 + power * mean SNR) is inverted. Both directions have the same power gain, so one that lies strictly between
    `floor` and `cap` determines it. Of a link that is clipped in both, the power is drawn from its exponential
    distribution between the bounds that the clipping leaves.
    """
    seen = np.asarray(efficiency, np.float64)
    power = np.expm1(seen * np.log(2.0)) / np.maximum(mean_snr, np.finfo(np.float64).tiny)
    lowest = np.where(seen > floor, power, 0.0).max(axis=-1)
    highest = np.where(seen < cap, power, np.inf).min(axis=-1)
    width = -np.expm1(-np.maximum(highest - lowest, 0.0))  # probability of the interval, given the lower bound
    return lowest - np.log1p(-width * rng.random((draws, *lowest.shape)))


def continued_power(
    rng: np.random.Generator, correlation: float, power: FloatArray, epochs: int
) -> NDArray[np.float32]:
    """Power gains [F, epochs, D, K] that follow gains [F, D, K] of one epoch.

    The process is that of `faded_efficiency_paths`. It is isotropic in the complex plane, so the law of later power
    gains does not depend on the phase of the present gain, which is set to 0. Raises ValueError for a correlation
    outside -1..1.
    """
    if not -1.0 <= correlation <= 1.0:
        raise ValueError(f"the correlation must lie in -1..1, got {correlation!r}")
    futures, *links = power.shape
    gain = np.stack([np.sqrt(2.0 * power), np.zeros_like(power)], axis=-1)
    later = np.empty((futures, epochs, *links), np.float32)
    for epoch in range(epochs):
        gain = correlation * gain + np.sqrt(1.0 - correlation**2) * rng.standard_normal(gain.shape)
        later[:, epoch] = 0.5 * (gain**2).sum(axis=-1)
    return later
