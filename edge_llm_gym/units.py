"""Unit conversions. Everywhere else in the package, quantities are in SI units (s, m, Hz, W, B, bit, FLOP)."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

GIGA = 1e9
TERA = 1e12
BITS_PER_BYTE = 8
METRES_PER_KM = 1e3
WATT_PER_MILLIWATT = 1e-3
THERMAL_NOISE_DBM_PER_HZ = -174.0

Value = TypeVar("Value", float, NDArray[np.float64])
"""A number or an array of numbers; every conversion returns the type of its argument."""


def db_to_ratio(value_db: Value) -> Value:
    """Power ratio of a value in dB."""
    return 10.0 ** (value_db / 10.0)


def ratio_to_db(ratio: Value) -> Value:
    """Value in dB of a positive power ratio. Raises ValueError for a ratio of zero or less."""
    if not np.all(ratio > 0):
        raise ValueError(
            f"a power ratio must be positive to have a value in dB, got {ratio!r}; pass only positive ratios"
        )
    return 10.0 * np.log10(ratio)


def dbm_to_watt(power_dbm: Value) -> Value:
    """Power in W of a level in dBm (dB over one milliwatt)."""
    return db_to_ratio(power_dbm) * WATT_PER_MILLIWATT


def bits_to_bytes(bits: Value) -> Value:
    """Number of bytes of a number of bits, not rounded."""
    return bits / BITS_PER_BYTE


def hz_to_ghz(frequency_hz: Value) -> Value:
    """Frequency in GHz, the unit of the 3GPP path-loss formulas."""
    return frequency_hz / GIGA


def m_to_km(distance_m: Value) -> Value:
    """Distance in km, the unit of the 3GPP macro-cell law."""
    return distance_m / METRES_PER_KM
