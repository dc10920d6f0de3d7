"""The radio channel: path loss, fading over epochs, spectral efficiency, and the share of the band a payload needs.

The power spectral density is constant: a transmitter that gets a share of the band spends that share of its power, so
its SNR does not depend on the share and its rate is linear in it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from edge_llm_gym.names import known_name
from edge_llm_gym.units import THERMAL_NOISE_DBM_PER_HZ, dbm_to_watt, hz_to_ghz, m_to_km

FloatArray = NDArray[np.float64]

SPEED_OF_LIGHT_M_PER_S = 3.0e8
"""The rounded value with which TR 38.901 defines its breakpoint distance."""
NEAREST_M = 10.0
"""The laws hold from 10 m on; a shorter distance is evaluated at 10 m."""
CARRIER_RANGE_HZ = (0.5e9, 100e9)
USER_HEIGHT_M = 1.5
ENVIRONMENT_HEIGHT_M = 1.0
"""Height taken off both antennas in the breakpoint distance; in UMa it is 1 m for every user below 13 m."""


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


UMA = UrbanLaw(25.0, 28.0, 22.0, 9.0, 13.54, 39.08, 20.0)
"""Urban macro cell."""
UMI = UrbanLaw(10.0, 32.4, 21.0, 9.5, 22.4, 35.3, 21.3)
"""Urban micro cell, street canyon."""


def _line_of_sight(law: UrbanLaw, distance_2d_m: ArrayLike, carrier_hz: float) -> FloatArray:
    flat_m, direct_m = _distances(law, distance_2d_m)
    carrier_db = 20 * np.log10(_carrier_ghz(carrier_hz))
    breakpoint_m = _breakpoint_m(law, carrier_hz)
    climb_m = law.base_height_m - USER_HEIGHT_M
    near_db = law.los_offset_db + law.los_slope_db * np.log10(direct_m) + carrier_db
    bend_db = law.los_breakpoint_db * np.log10(breakpoint_m**2 + climb_m**2)
    far_db = law.los_offset_db + 40 * np.log10(direct_m) + carrier_db - bend_db
    return np.where(flat_m <= breakpoint_m, near_db, far_db)


def _no_line_of_sight(law: UrbanLaw, distance_2d_m: ArrayLike, carrier_hz: float) -> FloatArray:
    _, direct_m = _distances(law, distance_2d_m)
    carrier_db = law.nlos_carrier_db * np.log10(_carrier_ghz(carrier_hz))
    blocked_db = law.nlos_offset_db + law.nlos_slope_db * np.log10(direct_m) + carrier_db
    return np.maximum(_line_of_sight(law, distance_2d_m, carrier_hz), blocked_db)


def _macro(distance_2d_m: ArrayLike, carrier_hz: float) -> FloatArray:
    """Macro-cell law 128.1 + 37.6 log10(d / km) of 3GPP TR 36.814; it is fitted at 2 GHz and ignores the carrier."""
    return 128.1 + 37.6 * np.log10(m_to_km(_checked_distance(distance_2d_m)))


def _checked_distance(distance_m: ArrayLike) -> FloatArray:
    distance = np.asarray(distance_m, dtype=np.float64)
    if distance.size and not distance.min() >= 0:  # NaN fails too
        raise ValueError(f"a distance in m must be zero or more, got {distance_m!r}")
    return np.maximum(distance, NEAREST_M)


def _distances(law: UrbanLaw, distance_2d_m: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Distance on the ground and from antenna to antenna, in m."""
    flat_m = _checked_distance(distance_2d_m)
    return flat_m, np.hypot(flat_m, law.base_height_m - USER_HEIGHT_M)


def _carrier_ghz(carrier_hz: float) -> float:
    low, high = CARRIER_RANGE_HZ
    if not low <= carrier_hz <= high:
        raise ValueError(f"the carrier must lie in {low:g}..{high:g} Hz, got {carrier_hz!r}: give it in Hz, not in GHz")
    return hz_to_ghz(carrier_hz)


def _breakpoint_m(law: UrbanLaw, carrier_hz: float) -> float:
    heights_m2 = (law.base_height_m - ENVIRONMENT_HEIGHT_M) * (USER_HEIGHT_M - ENVIRONMENT_HEIGHT_M)
    return 4 * heights_m2 * carrier_hz / SPEED_OF_LIGHT_M_PER_S


PathLoss = Callable[[ArrayLike, float], FloatArray]
"""(distance on the ground in m, carrier in Hz) -> path loss in dB."""

PATH_LOSS: Mapping[str, PathLoss] = MappingProxyType(
    {
        "uma-los": partial(_line_of_sight, UMA),
        "uma-nlos": partial(_no_line_of_sight, UMA),
        "umi-los": partial(_line_of_sight, UMI),
        "umi-nlos": partial(_no_line_of_sight, UMI),
        "macro-128.1": _macro,
    }
)


def path_loss_db(kind: str, distance_m: ArrayLike, carrier_hz: float) -> FloatArray:
    """Path loss in dB of the law ``kind`` over a distance on the ground, any shape.

    Raises ValueError for an unknown law, a negative distance, or a carrier outside 0.5-100 GHz (TR 38.901 laws).
    """
    return PATH_LOSS[known_name("path loss", kind, PATH_LOSS)](distance_m, carrier_hz)


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
    """SNR as a ratio before fading; shadowing counts as loss. The power is that of the whole band."""
    loss_db = np.asarray(path_loss_db, dtype=np.float64) + np.asarray(shadowing_db, dtype=np.float64)
    received_w = dbm_to_watt(np.asarray(transmit_power_dbm, dtype=np.float64) - loss_db)
    return received_w / noise_power_w(bandwidth_hz, noise_figure_db)


def spectral_efficiency(snr: ArrayLike, cap: float) -> FloatArray:
    """Shannon efficiency log2(1 + SNR) in bit/s/Hz, at most ``cap`` (the best modulation and code there is)."""
    return np.minimum(np.log2(1.0 + np.asarray(snr, dtype=np.float64)), cap)


def rate_bps(share: ArrayLike, bandwidth_hz: ArrayLike, se: ArrayLike) -> FloatArray:
    """Rate in bit/s of a share of the band at a spectral efficiency in bit/s/Hz."""
    band_hz = np.asarray(bandwidth_hz, dtype=np.float64)
    return np.asarray(share, dtype=np.float64) * band_hz * np.asarray(se, dtype=np.float64)


def minimum_share(bits: ArrayLike, slot_s: float, bandwidth_hz: ArrayLike, se: ArrayLike) -> FloatArray:
    """Share of the band that carries ``bits`` in one slot: inf over a dead link, 0 where there is nothing to send."""
    capacity_bits = slot_s * rate_bps(1.0, bandwidth_hz, se)
    wanted, carried = np.broadcast_arrays(np.asarray(bits, dtype=np.float64), capacity_bits)
    share = np.full(wanted.shape, np.inf)
    np.divide(wanted, carried, out=share, where=carried > 0)
    share[wanted == 0] = 0.0
    return share[()]


def bessel_j0(x: ArrayLike) -> FloatArray:
    """Bessel function of the first kind and order zero, for any real argument (time and memory grow with it).

    The midpoint rule on Bessel's integral, the mean of cos(x sin t) over 0..pi (DLMF 10.9.1). The integrand is
    periodic, so M points leave only terms from J_2M(x) on, which vanish once 2 M exceeds x by a margin.
    """
    argument = np.asarray(x, dtype=np.float64)
    points = 32 + int(np.max(np.abs(argument), initial=0.0))
    angle = (np.arange(points) + 0.5) * (np.pi / points)
    return np.mean(np.cos(argument[..., np.newaxis] * np.sin(angle)), axis=-1)


def fading_correlation(doppler_hz: float, period_s: float) -> float:
    """Correlation of the complex gain over one period, J0(2 pi f_D T) (Clarke's model of scattering all around)."""
    return float(bessel_j0(2 * np.pi * doppler_hz * period_s))


@njit(cache=True)
def fading_path(rng: np.random.Generator, correlation: float, out: NDArray) -> None:
    """Fill ``out`` [H, D, K] with the Rayleigh power gains |g|^2 / 2, of mean 1, of H epochs.

    Standard normals e_t, real and imaginary part, are drawn epoch by epoch, link by link. g_0 = e_0, which is the
    stationary law; then g_t = rho g_{t-1} + sqrt(1 - rho^2) e_t. Raises ValueError for a correlation outside -1..1.
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

    Both directions see the same power gains [H, D, K] of `fading_path` (time-division duplex, a reciprocal channel) on
    their own mean SNR [D, K, 2]. The efficiency of `spectral_efficiency` is raised to ``floor`` where it lies below.
    Raises ValueError for shapes that do not fit.
    """
    if power.shape != out.shape[:3] or mean_snr.shape != out.shape[1:]:
        raise ValueError(
            f"power gains must be [H, D, K], both mean SNRs [D, K, 2] and the efficiencies [H, D, K, 2], got shapes "
            f"{power.shape}, {mean_snr.shape} and {out.shape}"
        )
    for direction in range(mean_snr.shape[-1]):  # contiguous float32 arrays: numpy computes many at a time
        efficiency = power * mean_snr[..., direction].astype(np.float32)
        efficiency += np.float32(1.0)
        np.log2(efficiency, out=efficiency)
        np.clip(efficiency, np.float32(floor), np.float32(cap), out=out[..., direction])
