"""Unit conversions against values known by heart, on numbers and arrays."""

import numpy as np
import pytest

from edge_llm_gym import units


def test_decibels_convert_both_ways() -> None:
    assert units.db_to_ratio(0.0) == 1.0
    assert units.db_to_ratio(10.0) == 10.0
    assert units.db_to_ratio(-30.0) == pytest.approx(1e-3)
    assert units.ratio_to_db(2.0) == pytest.approx(3.0103, abs=1e-4)
    assert units.ratio_to_db(units.db_to_ratio(7.3)) == pytest.approx(7.3)


def test_arrays_convert_elementwise() -> None:
    np.testing.assert_allclose(units.db_to_ratio(np.array([0.0, 20.0])), [1.0, 100.0])
    np.testing.assert_allclose(units.ratio_to_db(np.array([1.0, 100.0])), [0.0, 20.0])
    np.testing.assert_allclose(units.dbm_to_watt(np.array([0.0, 30.0])), [1e-3, 1.0])


@pytest.mark.parametrize("ratio", [0.0, -1.0, float("nan"), np.array([1.0, 0.0])])
def test_a_ratio_without_decibels_is_refused(ratio: float) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        units.ratio_to_db(ratio)


def test_prefixes() -> None:
    assert units.hz_to_ghz(3.5e9) == 3.5
    assert units.m_to_km(250.0) == 0.25
    assert units.bits_to_bytes(12.0) == 1.5
