"""Path loss of urban cells over distance and carrier, and the deviation of the shadowing around it.

The laws are those of 3GPP TR 38.901 (UMa, UMi) and TR 36.814 (macro cell).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge_llm_gym.names import known_name
from edge_llm_gym.units import hz_to_ghz, m_to_km

FloatArray = NDArray[np.float64]

SPEED_OF_LIGHT_M_PER_S = 3.0e8
"""The rounded value with which TR 38.901 defines its breakpoint distance."""
NEAREST_M = 10.0
"""The laws are valid from 10 m; shorter distances are evaluated at 10 m."""
CARRIER_RANGE_HZ = (0.5e9, 100e9)
USER_HEIGHT_M = 1.5
ENVIRONMENT_HEIGHT_M = 1.0
"""Effective environment height of the breakpoint distance; in UMa it is 1 m for every user below 13 m."""


@dataclass(frozen=True, slots=True)
class UrbanLaw:
    """Coefficients of one scenario of 3GPP TR 38.901, Table 7.4.1-1, for a user terminal at 1.5 m."""

    base_height_m: float
    los_offset_db: float
    los_slope_db: float
    los_breakpoint_db: float
    nlos_offset_db: float
    nlos_slope_db: float
    nlos_carrier_db: float
    los_shadowing_db: float
    nlos_shadowing_db: float


UMA = UrbanLaw(25.0, 28.0, 22.0, 9.0, 13.54, 39.08, 20.0, 4.0, 6.0)
"""Urban macro cell."""
UMI = UrbanLaw(10.0, 32.4, 21.0, 9.5, 22.4, 35.3, 21.3, 4.0, 7.82)
"""Urban micro cell, street canyon."""


def _line_of_sight(law: UrbanLaw, distance_2d_m: ArrayLike, carrier_hz: float) -> FloatArray:
    flat_m, log_direct = _distances(law, distance_2d_m)
    return _line_of_sight_db(law, flat_m, log_direct, carrier_hz)


def _line_of_sight_db(law: UrbanLaw, flat_m: FloatArray, log_direct: FloatArray, carrier_hz: float) -> FloatArray:
    carrier_db = 20 * np.log10(_carrier_ghz(carrier_hz))
    breakpoint_m = _breakpoint_m(law, carrier_hz)
    height_m = law.base_height_m - USER_HEIGHT_M
    near_db = law.los_offset_db + law.los_slope_db * log_direct + carrier_db
    breakpoint_db = law.los_breakpoint_db * np.log10(breakpoint_m**2 + height_m**2)
    far_db = law.los_offset_db + 40 * log_direct + carrier_db - breakpoint_db
    return np.where(flat_m <= breakpoint_m, near_db, far_db)


def _no_line_of_sight(law: UrbanLaw, distance_2d_m: ArrayLike, carrier_hz: float) -> FloatArray:
    flat_m, log_direct = _distances(law, distance_2d_m)
    carrier_db = law.nlos_carrier_db * np.log10(_carrier_ghz(carrier_hz))
    blocked_db = law.nlos_offset_db + law.nlos_slope_db * log_direct + carrier_db
    return np.maximum(_line_of_sight_db(law, flat_m, log_direct, carrier_hz), blocked_db)


def _macro(distance_2d_m: ArrayLike, carrier_hz: float) -> FloatArray:
    """Macro-cell law 128.1 + 37.6 log10(d / km) of 3GPP TR 36.814, fitted at 2 GHz; it ignores the carrier."""
    return 128.1 + 37.6 * np.log10(m_to_km(_checked_distance(distance_2d_m)))


def _checked_distance(distance_m: ArrayLike) -> FloatArray:
    distance = np.asarray(distance_m, dtype=np.float64)
    if distance.size and not distance.min() >= 0:  # NaN fails too
        raise ValueError(f"a distance in m must be zero or more, got {distance_m!r}; pass distances on the ground")
    return np.maximum(distance, NEAREST_M)


def _distances(law: UrbanLaw, distance_2d_m: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Horizontal distance in m, and the decimal logarithm of the distance between the antennas in m."""
    flat_m = _checked_distance(distance_2d_m)
    return flat_m, np.log10(np.hypot(flat_m, law.base_height_m - USER_HEIGHT_M))


def _carrier_ghz(carrier_hz: float) -> float:
    low, high = CARRIER_RANGE_HZ
    if not low <= carrier_hz <= high:
        raise ValueError(f"the carrier must lie in {low:g}..{high:g} Hz, got {carrier_hz!r}: give it in Hz, not in GHz")
    return hz_to_ghz(carrier_hz)


def _breakpoint_m(law: UrbanLaw, carrier_hz: float) -> float:
    heights_m2 = (law.base_height_m - ENVIRONMENT_HEIGHT_M) * (USER_HEIGHT_M - ENVIRONMENT_HEIGHT_M)
    return 4 * heights_m2 * carrier_hz / SPEED_OF_LIGHT_M_PER_S


PathLoss = Callable[[ArrayLike, float], FloatArray]
"""(horizontal distance in m, carrier in Hz) -> path loss in dB."""

PATH_LOSS: Mapping[str, PathLoss] = MappingProxyType(
    {
        "uma-los": partial(_line_of_sight, UMA),
        "uma-nlos": partial(_no_line_of_sight, UMA),
        "umi-los": partial(_line_of_sight, UMI),
        "umi-nlos": partial(_no_line_of_sight, UMI),
        "macro-128.1": _macro,
    }
)
SHADOWING_DB: Mapping[str, float] = MappingProxyType(
    {
        "uma-los": UMA.los_shadowing_db,
        "uma-nlos": UMA.nlos_shadowing_db,
        "umi-los": UMI.los_shadowing_db,
        "umi-nlos": UMI.nlos_shadowing_db,
        "macro-128.1": 8.0,
    }
)
"""Path-loss law -> standard deviation in dB of the shadowing that belongs to it.

The urban laws have that of TR 38.901, Table 7.4.1-1, the macro law that of TR 36.814, Table A.2.1.1-1.
"""


def path_loss_db(kind: str, distance_m: ArrayLike, carrier_hz: float) -> FloatArray:
    """Path loss in dB of the law ``kind`` over a horizontal distance in m, any shape.

    Raises ValueError for an unknown law, a negative distance, or a carrier outside 0.5-100 GHz (TR 38.901 laws).
    """
    return PATH_LOSS[known_name("path loss", kind, PATH_LOSS)](distance_m, carrier_hz)
