"""Path loss of urban cells over distance and carrier, and the deviation of the shadowing around it.

The laws are those of 3GPP TR 38.901 (UMa, UMi) and TR 36.814 (macro cell).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge_llm_gym.compiled.streams import stream_kernel
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


class _Coefficients(NamedTuple):
    """An urban law at one carrier, as the kernels take it."""

    height_m: float
    near: tuple[float, float, float]  # offset in dB, slope in dB, term of the carrier in dB
    far: tuple[float, float, float, float]  # as near, and the term of the breakpoint in dB
    breakpoint_m: float
    blocked: tuple[float, float, float]  # as near; -inf dB for a link in line of sight


@cache
def _coefficients(law: UrbanLaw, carrier_hz: float, in_sight: bool) -> _Coefficients:
    log_carrier, breakpoint_m = np.log10(_carrier_ghz(carrier_hz)), _breakpoint_m(law, carrier_hz)
    carrier_db, height_m = float(20 * log_carrier), law.base_height_m - USER_HEIGHT_M
    breakpoint_db = float(law.los_breakpoint_db * np.log10(breakpoint_m**2 + height_m**2))
    blocked = law.nlos_offset_db, law.nlos_slope_db, float(law.nlos_carrier_db * log_carrier)
    return _Coefficients(
        height_m=height_m,
        near=(law.los_offset_db, law.los_slope_db, carrier_db),
        far=(law.los_offset_db, 40.0, carrier_db, breakpoint_db),
        breakpoint_m=breakpoint_m,
        blocked=(-math.inf, 0.0, 0.0) if in_sight else blocked,
    )


def _urban(law: UrbanLaw, in_sight: bool, distance_2d_m: ArrayLike, carrier_hz: float) -> FloatArray:
    coefficients = _coefficients(law, carrier_hz, in_sight)
    distance_m = np.asarray(distance_2d_m, dtype=np.float64)
    direct_m, valid = _direct_m(distance_m.ravel(), coefficients.height_m)
    if not valid:
        _checked_distance(distance_2d_m)
    log_direct = np.log10(direct_m)
    return _urban_db(distance_m.ravel(), log_direct, coefficients).reshape(distance_m.shape)


@stream_kernel
def _direct_m(distance_m: FloatArray, height_m: float) -> tuple[FloatArray, bool]:
    """Distances [n] between the antennas, and whether all are valid."""
    direct_m, valid = np.empty_like(distance_m), True
    for index in range(distance_m.size):
        valid &= distance_m[index] >= 0.0  # NaN is not
        direct_m[index] = np.hypot(max(distance_m[index], NEAREST_M), height_m)
    return direct_m, valid


@stream_kernel
def _urban_db(distance_m: FloatArray, log_direct: FloatArray, law: _Coefficients) -> FloatArray:
    """Path loss [n] of a law for horizontal distances and the logarithms of those between the antennas."""
    loss_db, near, far, blocked = np.empty_like(distance_m), law.near, law.far, law.blocked
    for index in range(distance_m.size):
        is_near = max(distance_m[index], NEAREST_M) <= law.breakpoint_m
        near_db = near[0] + near[1] * log_direct[index] + near[2]
        far_db = far[0] + far[1] * log_direct[index] + far[2] - far[3]
        blocked_db = blocked[0] + blocked[1] * log_direct[index] + blocked[2]
        loss_db[index] = max(near_db if is_near else far_db, blocked_db)
    return loss_db


def _macro(distance_2d_m: ArrayLike, carrier_hz: float) -> FloatArray:
    """Macro-cell law 128.1 + 37.6 log10(d / km) of 3GPP TR 36.814, fitted at 2 GHz; it ignores the carrier."""
    return 128.1 + 37.6 * np.log10(m_to_km(_checked_distance(distance_2d_m)))


def _checked_distance(distance_m: ArrayLike) -> FloatArray:
    distance = np.asarray(distance_m, dtype=np.float64)
    if distance.size and not distance.min() >= 0:  # NaN fails too
        raise ValueError(f"a distance in m must be zero or more, got {distance_m!r}; pass distances on the ground")
    return np.maximum(distance, NEAREST_M)


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
        "uma-los": partial(_urban, UMA, True),
        "uma-nlos": partial(_urban, UMA, False),
        "umi-los": partial(_urban, UMI, True),
        "umi-nlos": partial(_urban, UMI, False),
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
