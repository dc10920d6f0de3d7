"""Views: arrays of any shape in memory that exists, without counts of references."""

import sys
from typing import NamedTuple

import numpy as np
import pytest

from edge_llm_gym.compiled import kernel, njit
from edge_llm_gym.compiled.views import view


class Parts(NamedTuple):
    vector: np.ndarray
    matrix: np.ndarray
    cube: np.ndarray


@kernel
def parts_of(rows, small, n):
    return Parts(view(rows[1], (n,)), view(rows[0], (2, n)), view(small, (2, n, 2)))


@njit()
def filled(rows, small, n):
    """The parts, returned by a function that counts references."""
    parts = parts_of(rows, small, n)
    parts.vector[n - 1], parts.matrix[1, 0], parts.cube[1, n - 1, 0] = 5.0, 6.0, 7
    return parts


def test_a_view_is_the_begin_of_the_array():
    rows, small = np.zeros((2, 12)), np.zeros(20, np.int8)
    for n in (1, 3, 5):
        rows[:], small[:] = 0.0, 0
        parts = filled(rows, small, n)
        assert [part.shape for part in parts] == [(n,), (2, n), (2, n, 2)]
        assert (rows[1, n - 1], rows[0, n], small[4 * n - 2]) == (5.0, 6.0, 7)
        assert np.count_nonzero(rows) == 2
        assert np.count_nonzero(small) == 1
        rows[:], small[:] = np.arange(24).reshape(2, 12), np.arange(20)
        assert parts.matrix.tolist() == rows[0, : 2 * n].reshape(2, n).tolist()
        assert parts.cube.tolist() == small[: 4 * n].reshape(2, n, 2).tolist()


def test_no_reference_is_counted():
    rows, small = np.ones((2, 12)), np.ones(20, np.int8)
    before = sys.getrefcount(rows), sys.getrefcount(small)
    for _ in range(100):
        filled(rows, small, 4)
    assert (sys.getrefcount(rows), sys.getrefcount(small)) == before


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)])
def test_a_view_may_be_empty(shape):
    @njit()
    def size(array, shape):
        return view(array, shape).size

    assert size(np.zeros(0), shape) == 0
