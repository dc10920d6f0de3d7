"""Products and sums rounded once, against exact fractions."""

from fractions import Fraction

import numpy as np
import pytest

from edge_llm_gym.compiled import njit
from edge_llm_gym.compiled.fused import _plain_fused, fused


@njit()
def fused_all(a, b, c, out):
    for index in range(a.size):
        out[index] = fused(a[index], b[index], c[index])


def numbers(seed):
    rng = np.random.default_rng(seed)
    return rng.standard_normal(2000) * 2.0 ** rng.integers(-40, 40, 2000)


def test_numbers_are_rounded_once():
    a, b = numbers(0), numbers(1)
    c = -a * b * (1.0 + 2.0**-50 * np.random.default_rng(2).integers(-3, 4, a.size))  # cancels most digits
    out = np.empty_like(a)
    fused_all(a, b, c, out)
    exact = [float(Fraction(x) * Fraction(y) + Fraction(z)) for x, y, z in zip(a, b, c, strict=True)]
    np.testing.assert_array_equal(out, exact)
    assert (out != a * b + c).mean() > 0.5
    np.testing.assert_array_equal(out, [_plain_fused(x, y, z) for x, y, z in zip(a, b, c, strict=True)])


@pytest.mark.parametrize("triple", [(np.inf, 1.0, 2.0), (1.0, 2.0, -np.inf), (0.0, np.inf, 1.0), (np.nan, 1.0, 1.0)])
def test_infinite_numbers_and_none_are_those_of_plain_sums(triple):
    out, (a, b, c) = np.empty(1), triple
    with np.errstate(invalid="ignore"):
        expected = np.float64(a) * b + c
        fused_all(np.array([a]), np.array([b]), np.array([c]), out)
        np.testing.assert_array_equal(out[0], expected)
        np.testing.assert_array_equal(_plain_fused(a, b, c), expected)
