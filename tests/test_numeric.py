"""Checks of numbers that users give."""

from fractions import Fraction

import numpy as np
import pytest

from edge_llm_gym.numeric import flag, real_number, time_limit, whole_number


@pytest.mark.parametrize("value", [3, np.int8(3), np.int64(3), np.uint64(3), np.array(3)])
def test_whole_numbers_of_any_integer_type_become_int(value):
    number = whole_number("limit", value)
    assert number == 3
    assert type(number) is int


@pytest.mark.parametrize("value", [True, np.True_, 1.5, 3.0, np.float64(3), np.nan, "3", None, [3], np.array([3]), 3j])
def test_whole_numbers_of_other_types_are_refused(value):
    with pytest.raises(ValueError, match=r"limit must be a whole number, got .* of type"):
        whole_number("limit", value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (-1, "limit must be zero or more, got -1"),
        (11, "limit must be zero or more and at most 10, got 11"),
        pytest.param(10**5000, "at most 10, got a whole number of about 5000 digits", id="long"),
    ],
)
def test_whole_numbers_out_of_range_are_refused(value, message):
    with pytest.raises(ValueError, match=message):
        whole_number("limit", value, greatest=10)


@pytest.mark.parametrize("value", [1.5, np.float32(1.5), np.float64(1.5), Fraction(3, 2)])
def test_real_numbers_become_float(value):
    number = real_number("price", value)
    assert number == 1.5
    assert type(number) is float


@pytest.mark.parametrize("value", [True, "1.5", None, 1j, [1.5], np.array([1.5])])
def test_real_numbers_of_other_types_are_refused(value):
    with pytest.raises(ValueError, match=r"price must be a number, got .* of type"):
        real_number("price", value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -1e-9, 10**400])
def test_real_numbers_out_of_range_are_refused(value):
    with pytest.raises(ValueError, match="price must be finite and zero or more"):
        real_number("price", value)
    with pytest.raises(ValueError, match=r"at most 2 .EUR., got 3"):
        real_number("price", 3, greatest=2.0, unit="EUR")


def test_a_time_limit_may_be_missing_or_infinite():
    assert time_limit("time_limit_s", None) == time_limit("time_limit_s", np.inf) == np.inf
    assert time_limit("time_limit_s", 0) == 0.0
    with pytest.raises(ValueError, match="time_limit_s must be zero or more, got nan"):
        time_limit("time_limit_s", np.nan)


@pytest.mark.parametrize("value", [1, 0.5, "no", None])
def test_flags_are_truth_values(value):
    assert flag("improve", np.True_) is True
    with pytest.raises(ValueError, match="improve must be True or False, got"):
        flag("improve", value)
