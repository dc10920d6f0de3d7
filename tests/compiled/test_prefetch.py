"""Loads ahead of their use: they are in the code, and change nothing."""

import numba
import numpy as np
import pytest

from edge_llm_gym.compiled import njit
from edge_llm_gym.compiled.prefetch import prefetch

pytestmark = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="without compilation nothing is loaded ahead")


@njit()
def sum_ahead(values, order):
    total = 0.0
    for row, column in order:
        prefetch(values, (row, column))
    for row, column in order:
        total += values[row, column]
    return total


@pytest.mark.parametrize("layout", ["C", "A"])
def test_code_loads_ahead_and_computes_the_same(layout):
    values = np.arange(24.0).reshape(4, 6) if layout == "C" else np.arange(48.0).reshape(4, 12)[:, ::2]
    order = np.array([[3, 5], [0, 0], [2, 1]], np.int32)
    assert sum_ahead(values, order) == values[3, 5] + values[0, 0] + values[2, 1]
    (code,) = [text for types, text in sum_ahead.inspect_llvm().items() if types[0].layout == layout]
    assert "call void @llvm.prefetch" in code


@njit()
def prefetch_far(values, index):
    prefetch(values, (index, index))
    return values[0, 0]


def test_an_index_far_outside_faults_nowhere():
    assert prefetch_far(np.ones((2, 2)), 10**12) == 1.0
