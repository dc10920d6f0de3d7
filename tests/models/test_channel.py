"""Channel functions: hand-computed path loss and link budget, and the compiled kernels against plain loops."""

import numpy as np
import pytest

from edge_llm_gym.compiled import kernel
from edge_llm_gym.models.channel import (
    PATH_LOSS,
    SHADOWING_DB,
    bessel_j0,
    faded_efficiency_paths,
    mean_snr,
    minimum_share,
    noise_power_w,
    path_loss_db,
    rate_bps,
    shadowing_loss_db,
    spectral_efficiency,
    spectral_efficiency_path,
)

CARRIER_HZ = 3.5e9
URBAN = ["uma-los", "uma-nlos", "umi-los", "umi-nlos"]

# Table 7.4.1-1 of TR 38.901 at 3.5 GHz: 20 log10 3.5 = 10.8814, 21.3 log10 3.5 = 11.5886. Antenna to antenna
# d3 = sqrt(d^2 + 23.5^2) in UMa, sqrt(d^2 + 8.5^2) in UMi. Breakpoints: UMa 4*24*0.5*3.5e9/3e8 = 560 m, UMi 210 m.
HAND_VALUES_DB = [
    ("uma-los", 100.0, 83.138),  # 28 + 22 log10 102.724 (44.2568) + 10.8814
    ("uma-los", 1000.0, 109.412),  # 28 + 40 log10 1000.276 (120.0048) + 10.8814 - 9 log10(560^2 + 23.5^2) (49.4743)
    ("uma-nlos", 500.0, 129.916),  # 13.54 + 39.08 log10 500.552 (105.4945) + 10.8814
    ("umi-los", 100.0, 85.314),  # 32.4 + 21 log10 100.361 (42.0328) + 10.8814
    ("umi-los", 500.0, 107.114),  # 32.4 + 40 log10 500.072 (107.9613) + 10.8814 - 9.5 log10(210^2 + 8.5^2) (44.1289)
    ("umi-nlos", 200.0, 115.229),  # 22.4 + 35.3 log10 200.181 (81.2402) + 11.5886
    ("macro-128.1", 500.0, 116.781),  # 128.1 + 37.6 log10 0.5 (-11.3187)
]


@pytest.mark.parametrize(("kind", "distance_m", "loss_db"), HAND_VALUES_DB)
def test_path_loss_by_hand(kind: str, distance_m: float, loss_db: float) -> None:
    assert path_loss_db(kind, distance_m, CARRIER_HZ) == pytest.approx(loss_db, abs=1e-3)


@pytest.mark.parametrize(("kind", "breakpoint_m"), [("uma-los", 560.0), ("umi-los", 210.0)])
def test_line_of_sight_is_continuous_and_bends_at_the_breakpoint(kind: str, breakpoint_m: float) -> None:
    before, at, after = path_loss_db(kind, breakpoint_m + np.array([-1e-6, 0.0, 1e-6]), CARRIER_HZ)
    assert before == pytest.approx(after, abs=1e-6)
    assert (after - at) > 1.7 * (at - before)


@pytest.mark.parametrize("kind", PATH_LOSS)
def test_path_loss_grows_with_distance_in_any_shape(kind: str) -> None:
    distance_m = np.geomspace(10.0, 5000.0, 60).reshape(6, 10)
    loss = path_loss_db(kind, distance_m, CARRIER_HZ)
    assert loss.shape == (6, 10)
    assert np.all(np.diff(loss.ravel()) > 0)


@pytest.mark.parametrize("kind", PATH_LOSS)
def test_closer_than_ten_metres_counts_as_ten(kind: str) -> None:
    assert path_loss_db(kind, 0.0, CARRIER_HZ) == path_loss_db(kind, 10.0, CARRIER_HZ)


@pytest.mark.parametrize("cell", ["uma", "umi"])
def test_blocked_paths_never_lose_less(cell: str) -> None:
    distance_m = np.geomspace(10.0, 5000.0, 50)
    clear = path_loss_db(f"{cell}-los", distance_m, CARRIER_HZ)
    assert np.all(path_loss_db(f"{cell}-nlos", distance_m, CARRIER_HZ) >= clear)


@pytest.mark.parametrize("kind", URBAN)
def test_a_carrier_in_ghz_is_rejected(kind: str) -> None:
    with pytest.raises(ValueError, match=r"got 3\.5: give it in Hz"):
        path_loss_db(kind, 100.0, 3.5)


@pytest.mark.parametrize("kind", PATH_LOSS)
@pytest.mark.parametrize("distance_m", [-1.0, float("nan")])
def test_impossible_distances_are_rejected(kind: str, distance_m: float) -> None:
    with pytest.raises(ValueError, match="must be zero or more"):
        path_loss_db(kind, distance_m, CARRIER_HZ)


def test_unknown_path_loss_suggests_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"unknown path loss 'uma_nlos'.*did you mean 'uma-nlos'"):
        path_loss_db("uma_nlos", 100.0, CARRIER_HZ)


def test_every_law_has_the_deviation_of_its_source() -> None:
    # sigma_SF of TR 38.901, Table 7.4.1-1, and of TR 36.814, Table A.2.1.1-1, typed from the tables.
    assert SHADOWING_DB == {"uma-los": 4.0, "uma-nlos": 6.0, "umi-los": 4.0, "umi-nlos": 7.82, "macro-128.1": 8.0}
    assert SHADOWING_DB.keys() == PATH_LOSS.keys()


def test_shadowing_is_the_plain_sum_of_a_common_and_a_site_specific_normal() -> None:
    # Nodes 0 and 2 share a site. Devices' normals are drawn first, then those of each device and site.
    normals = np.random.default_rng(4).standard_normal(3 + 3 * 2)
    common, specific = normals[:3], normals[3:].reshape(3, 2)
    expected = [[6.0 * (0.6 * common[d] + 0.8 * specific[d, s]) for s in (0, 1, 0)] for d in range(3)]
    loss_db = shadowing_loss_db(np.random.default_rng(4), 6.0, 0.36, 3, np.array([0, 1, 0]))
    np.testing.assert_allclose(loss_db, expected, rtol=1e-12)


@pytest.mark.parametrize("correlation", [-0.1, 1.1])
def test_an_impossible_shadowing_correlation_is_rejected(correlation: float) -> None:
    with pytest.raises(ValueError, match=r"must lie in 0\.\.1, got"):
        shadowing_loss_db(np.random.default_rng(0), 6.0, correlation, 3, np.arange(2))


def test_noise_and_snr_by_hand() -> None:
    # -174 dBm/Hz + 10 log10(20e6) = -100.99 dBm, and 9 dB more. 23 dBm - 110 - 3 = -90 dBm: 1.99 dB above the noise.
    assert noise_power_w(20e6, 0.0) == pytest.approx(7.962e-14, rel=1e-3)
    assert 10 * np.log10(mean_snr(23.0, 110.0, 3.0, 20e6, 9.0)) == pytest.approx(1.990, abs=1e-3)


def test_snr_takes_arrays() -> None:
    snr = mean_snr(23.0, np.array([[100.0], [110.0]]), np.array([0.0, 10.0]), 20e6, 9.0)
    assert snr.shape == (2, 2)
    assert snr[0, 1] == pytest.approx(snr[1, 0])
    assert snr[0, 0] == pytest.approx(10 * snr[0, 1])


def test_spectral_efficiency_is_shannon_up_to_the_cap() -> None:
    np.testing.assert_allclose(spectral_efficiency([0.0, 1.0, 3.0, 1e9], 7.4), [0.0, 1.0, 2.0, 7.4])


def test_minimum_share_just_carries_the_bits() -> None:
    bits, se = np.array([1e3, 4e5, 2e6]), np.array([0.5, 3.0, 7.4])
    share = minimum_share(bits, 0.25 * rate_bps(1.0, 20e6, se))
    np.testing.assert_allclose(0.25 * rate_bps(share, 20e6, se), bits)
    # 5e6 bits in 0.25 s over 20 MHz at 2 bit/s/Hz: half of the band.
    assert minimum_share(5e6, 0.25 * 20e6 * 2.0) == 0.5


def test_minimum_share_of_dead_links_and_empty_messages() -> None:
    bits, se = np.array([[8.0], [0.0]]), np.array([0.0, 1.0])
    share = minimum_share(bits, 8.0 * se)
    np.testing.assert_array_equal(share[:, 1], [1.0, 0.0])
    assert share[0, 0] > 1e150
    assert share[1, 0] == 0.0
    assert minimum_share(8.0, 0.0) > 1e150


def test_minimum_share_is_the_same_in_compiled_code() -> None:
    rng = np.random.default_rng(0)
    bits, capacity_bits = rng.random((2, 1000)) * 1e7
    capacity_bits[:10] = 0.0
    compiled = [_compiled_share(*each) for each in zip(bits, capacity_bits, strict=True)]
    np.testing.assert_array_equal(minimum_share(bits, capacity_bits), compiled)


@kernel
def _compiled_share(bits: float, capacity_bits: float) -> float:
    return minimum_share(bits, capacity_bits)


LINKS = (12, 3, 4)


def plain_power(seed: int, correlation: float) -> np.ndarray:
    innovations = np.random.default_rng(seed).standard_normal((*LINKS, 2))
    gains = [innovations[0]]
    for fresh in innovations[1:]:
        gains.append(correlation * gains[-1] + np.sqrt(1 - correlation**2) * fresh)
    return np.sum(np.square(gains), axis=-1) / 2


@pytest.mark.parametrize("correlation", [-1.0, -0.3, 0.0, 0.9, 1.0])
def test_faded_efficiencies_follow_the_plain_recursion(correlation: float) -> None:
    mean_snr = np.random.default_rng(6).uniform(0.1, 300.0, (3, 4, 2))
    mean_snr = np.array([mean_snr, 2.0 * mean_snr])
    out = np.empty((2, *LINKS, 2), np.float32)
    rngs = [np.random.default_rng(seed) for seed in (5, 7)]
    faded_efficiency_paths(rngs, correlation, mean_snr, (4.0, 6.0), out)
    for episode, seed in enumerate((5, 7)):
        plain = np.log2(1.0 + plain_power(seed, correlation)[..., None] * mean_snr[episode])
        np.testing.assert_allclose(out[episode], np.clip(plain, 4.0, 6.0), rtol=1e-5)
    assert len({(value == 6.0, value == 4.0) for value in out.ravel()}) == 3


def test_fading_takes_its_numbers_from_the_generator_alone() -> None:
    rng, plain = np.random.default_rng(3), np.random.default_rng(3)
    faded_efficiency_paths([rng], 0.5, np.ones((1, 3, 4, 2)), (0.0, 6.0), np.empty((1, *LINKS, 2), np.float32))
    plain.standard_normal((*LINKS, 2))
    assert rng.random() == plain.random()


def test_spectral_efficiency_path_is_shannon_between_floor_and_cap() -> None:
    power = plain_power(5, 0.8).astype(np.float32)
    mean_snr = np.random.default_rng(6).uniform(0.1, 300.0, (3, 4, 2))
    mean_snr[0, 0] = 0.1
    out = np.empty((*LINKS, 2), np.float32)
    spectral_efficiency_path(power, mean_snr, 0.3, 6.0, out)
    expected = np.maximum(spectral_efficiency(power[..., None] * mean_snr, 6.0), 0.3)
    np.testing.assert_allclose(out, expected, rtol=1e-5)
    assert 0 < np.mean(out == 6.0) < 1
    assert 0 < np.mean(out == np.float32(0.3)) < 1


def test_paths_refuse_what_does_not_fit() -> None:
    power, out = np.ones(LINKS, np.float32), np.empty((*LINKS, 2), np.float32)
    with pytest.raises(ValueError, match=r"both mean SNRs \[D, K, 2\]"):
        spectral_efficiency_path(power, np.ones((4, 3, 2)), 0.0, 6.0, out)
    rngs, snr, out = [np.random.default_rng(0)], np.ones((1, 3, 4, 2)), out[None]
    with pytest.raises(ValueError, match=r"correlation must lie in -1\.\.1, got 1\.1"):
        faded_efficiency_paths(rngs, 1.1, snr, (0.0, 6.0), out)
    with pytest.raises(ValueError, match=r"mean SNRs must be \[n, D, K, 2\].*\(1, 4, 3, 2\)"):
        faded_efficiency_paths(rngs, 0.9, np.ones((1, 4, 3, 2)), (0.0, 6.0), out)
    with pytest.raises(ValueError, match="for 2 generators"):
        faded_efficiency_paths(2 * rngs, 0.9, snr, (0.0, 6.0), out)
    with pytest.raises(ValueError, match="in C order"):
        faded_efficiency_paths(rngs, 0.9, snr, (0.0, 6.0), np.empty((2, 4, 3, 12, 1), np.float32).T)


def test_bessel_takes_any_shape() -> None:
    assert bessel_j0(0.0) == 1.0
    assert bessel_j0(np.zeros((2, 3))).shape == (2, 3)
    # First zero and a tabulated value (Abramowitz and Stegun, tables 9.5 and 9.1).
    np.testing.assert_allclose(bessel_j0([2.404825557695773, 1.0]), [0.0, 0.7651976865579666], atol=1e-14)
