"""Parts of the exact search that do without arrays of their own, against NumPy."""

import numpy as np
import pytest

from edge_llm_gym.compiled import njit
from edge_llm_gym.solvers.dftsp import search_state
from edge_llm_gym.solvers.dftsp.search_state import rising_order, stable_order


@njit()
def numba_order(key):
    return np.argsort(key)


def keys(rng, n):
    """Few distinct numbers, so that the order of equal ones matters, and all distinct ones."""
    return (np.round(2.0 * rng.random(n)), rng.random(n), -np.arange(n, dtype=np.float64))


@pytest.mark.parametrize("n", [0, 1, 2, 15, 16, 33, 200])
def test_orders_are_those_of_argsort(n):
    """Equal keys are ordered as by the sorts that the search was written with, so it visits the same sets."""
    rng = np.random.default_rng(n)
    for key in keys(rng, n):
        order = np.full(n, -1)
        rising_order(key, order)
        np.testing.assert_array_equal(order, numba_order(key))
        stable_order(key, order)
        np.testing.assert_array_equal(order, np.argsort(key, kind="stable"))


def test_both_ways_of_sorting_are_used():
    """The lengths above are on both sides of the limits."""
    assert 2 <= search_state._FEW < 16
    assert 16 <= search_state._FEW_STABLE < 200
