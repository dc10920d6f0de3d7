"""Sums of compiled functions, against numba's and exact ones."""

import math

import numpy as np
import pytest

from edge_llm_gym.compiled import njit
from edge_llm_gym.compiled.totals import total


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
