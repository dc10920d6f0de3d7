"""Guarantees of `kernel`: no allocation and no returned array, since references are not counted."""

import sys

import numpy as np
import pytest
from numba.core.errors import NumbaError

from edge_llm_gym.compiled import kernel


@kernel
def allocating(size):
    return np.zeros(size).sum()


@kernel
def handing_out(rows):
    return rows[1]


@kernel
def reading(rows):
    row = rows[1]
    return row[0] + row[1]


@pytest.mark.parametrize(("function", "argument"), [(allocating, 3), (handing_out, np.ones((3, 2)))])
def test_what_would_need_a_count_does_not_compile(function, argument):
    with pytest.raises(NumbaError, match="Only accept returning of array passed into the function as argument"):
        function(argument)


def test_slices_are_read_and_references_left_alone():
    rows = np.arange(6.0).reshape(3, 2)
    before = sys.getrefcount(rows)
    assert [reading(rows) for _ in range(5)] == [5.0] * 5
    assert sys.getrefcount(rows) == before
