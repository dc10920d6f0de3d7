"""A radio link in one epoch: noise, mean SNR, spectral efficiency, rate, and the band share that a payload needs."""

from typing import Any

import numpy as np
from numba.extending import register_jitable
from numpy.typing import ArrayLike, NDArray

from edge_llm_gym.arrays import Array
from edge_llm_gym.units import THERMAL_NOISE_DBM_PER_HZ, dbm_to_watt

FloatArray = NDArray[np.float64]

NO_CAPACITY_BITS = np.float64(1e-200)
"""Replaces a capacity of zero, so that the required share is finite, and far above one."""


def noise_power_w(bandwidth_hz: ArrayLike, noise_figure_db: ArrayLike) -> FloatArray:
    """Thermal noise power in W over a band, at -174 dBm/Hz plus the noise figure."""
    density_w_per_hz = dbm_to_watt(THERMAL_NOISE_DBM_PER_HZ + np.asarray(noise_figure_db, dtype=np.float64))
    return density_w_per_hz * np.asarray(bandwidth_hz, dtype=np.float64)


def mean_snr(
    transmit_power_dbm: ArrayLike,
    path_loss_db: ArrayLike,
    shadowing_db: ArrayLike,
    bandwidth_hz: ArrayLike,
    noise_figure_db: ArrayLike,
) -> FloatArray:
    """Mean SNR before fading, as a ratio; shadowing is a loss in dB, and the power is that of the whole band."""
    loss_db = np.asarray(path_loss_db, dtype=np.float64) + np.asarray(shadowing_db, dtype=np.float64)
    return received_power_w(transmit_power_dbm, loss_db) / noise_power_w(bandwidth_hz, noise_figure_db)


def received_power_w(transmit_power_dbm: ArrayLike, loss_db: ArrayLike) -> FloatArray:
    """Mean received power in W before fading; the loss is that of path and shadowing together."""
    return dbm_to_watt(np.asarray(transmit_power_dbm, dtype=np.float64) - np.asarray(loss_db, dtype=np.float64))


def spectral_efficiency(snr: ArrayLike, cap: float) -> FloatArray:
    """Shannon efficiency log2(1 + SNR) in bit/s/Hz, at most ``cap`` (that of the best modulation and coding scheme)."""
    return np.minimum(np.log2(1.0 + np.asarray(snr, dtype=np.float64)), cap)


def rate_bps(share: ArrayLike, bandwidth_hz: ArrayLike, se: ArrayLike) -> FloatArray:
    """Rate in bit/s of a share of the band at a spectral efficiency in bit/s/Hz."""
    band_hz = np.asarray(bandwidth_hz, dtype=np.float64)
    return np.asarray(share, dtype=np.float64) * band_hz * np.asarray(se, dtype=np.float64)


@register_jitable(_nrt=False, forceinline=True)
def minimum_share(bits: Array | float, capacity_bits: Array | float) -> Any:
    """Share of the band that carries ``bits`` within one slot, rho_min = bits / capacity.

    ``capacity_bits`` is what the whole band carries in the slot, slot * B * SE. Compiled kernels call it with numbers;
    in Python it takes numbers and float64 arrays that broadcast. The share is 0 for no bits, and more than 1e150 for a
    payload over a link without capacity.
    """
    return bits / np.maximum(capacity_bits, NO_CAPACITY_BITS)
