"""Sums and maxima of compiled functions, against numba's and exact ones."""

import math

import numpy as np
import pytest

from edge_llm_gym.compiled import njit
from edge_llm_gym.compiled.totals import greatest, total


@njit()
def numba_sum(values):
    return values.sum()


@pytest.mark.parametrize("n", [0, 1, 7, 1000])
def test_total_is_the_sum_of_a_compiled_function(n):
    """To the last bit: sums of solvers are compared with limits."""
    values = np.random.default_rng(n).normal(size=2 * n)
    for part in (values, values[::2], values[::-1]):
        assert total(part) == numba_sum(part)
        assert total(part) == pytest.approx(math.fsum(part), abs=1e-9)


def test_greatest_takes_numbers_of_any_kind():
    for values in (np.array([-3.0, -1.5, -2.0]), np.array([4, 9, 2]), np.array([[1.0, 7.0], [3.0, 2.0]])[:, 1]):
        assert greatest(values) == values.max()
