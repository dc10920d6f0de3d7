"""Arguments and their fields are neither copied nor counted, and results stay those of Python."""

import sys
from typing import Any, NamedTuple

import numba
import numpy as np
import pytest
from numba.core.runtime import _nrt_python

from edge_llm_gym.compiled import kernel, lowering, njit, part_kernel

pytestmark = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled")


class Inner(NamedTuple):
    """Two arrays."""

    numbers: Any
    table: Any


class Outer(NamedTuple):
    """An array, a record and a flag."""

    weights: Any
    inner: Inner
    doubled: Any


@njit()
def made(size):
    return Outer(np.ones(size), Inner(np.arange(size), np.full((size, 2), 0.5)), size > 3)


@njit()
def read(record, count):
    """Fields in a loop and a branch, an argument that is assigned anew, and a field that leaves the function."""
    inner, total = record.inner, 0.0
    for index in range(count):
        if record.doubled:
            numbers = inner.numbers
            total += numbers[index] + record.inner.table[index, 1]
    weights = record.weights
    weights = weights * 3.0
    if count > 4:
        count = 0
    return total + weights.sum() + count, inner, record.weights


@njit()
def through(size):
    """Arrays that are made here: only the records that are returned keep them."""
    record = made(size)
    total, inner, weights = read(record, size)
    first = inner.numbers[1:]
    return total, inner, weights, first


def references(record):
    return [sys.getrefcount(array) for array in (record.weights, record.inner.numbers, record.inner.table)]


def outer(size=5):
    return Outer(np.ones(size), Inner(np.arange(size), np.full((size, 2), 0.5)), size > 3)


@pytest.mark.parametrize("size", [2, 5])
def test_fields_are_read_as_in_python(size):
    expected = read.py_func(outer(size), size)
    for record in (outer(size), made(size)):
        total, inner, weights = read(record, size)
        assert total == expected[0]
        np.testing.assert_array_equal(inner.numbers, expected[1].numbers)
        np.testing.assert_array_equal(weights, expected[2])


def test_references_are_as_many_as_before():
    record = outer()
    before = references(record)
    for _ in range(20):
        read(record, 5)
    assert references(record) == before


@pytest.fixture
def allocated():
    """Number of arrays of compiled functions that are in memory, from the begin of the test on."""
    counting = _nrt_python.memsys_stats_enabled()
    _nrt_python.memsys_enable_stats()
    yield lambda: _nrt_python.memsys_get_stats_mi_alloc() - _nrt_python.memsys_get_stats_mi_free()
    if not counting:
        _nrt_python.memsys_disable_stats()


def test_arrays_live_as_long_as_what_is_returned_of_them(allocated):
    through(3)
    before = allocated()
    results = [through(1000) for _ in range(50)]
    others = [made(1000) for _ in range(100)]  # in memory that would be free
    for total, inner, weights, first in results:
        assert total == 999 * 500 + 500 + 3000
        assert first[-1] == inner.numbers[-1] == 999
        assert weights.sum() == inner.table.sum() == 1000.0
    assert allocated() == before + 50 * 3 + 100 * 3
    del results, others, inner, weights, first
    assert allocated() == before


def test_a_function_compiled_by_numba_passes_records_to_a_kernel():
    """It passes them number by number, and the kernel is compiled anew for it."""
    caller = numba.njit(lambda record: 2.0 * read(record, 2)[0])
    assert caller(outer()) == 2.0 * read.py_func(outer(), 2)[0]
    assert read(outer(), 2)[0] == read.py_func(outer(), 2)[0]


def test_records_and_fields_have_no_variables(monkeypatch):
    found = []
    paths = lowering.argument_paths
    monkeypatch.setattr(lowering, "argument_paths", lambda *given: found.append(paths(*given)) or found[-1])

    @njit(_nrt=False)  # without a cache, so that it is compiled in every run
    def fresh(record, count, index):
        inner = record.inner
        if count > 1:
            index = 0
        return inner.table[index, 0] + record.weights[count]

    assert fresh(outer(), 1, 2) == 1.5
    named = {name.partition(".")[0]: path for name, path in found[-1].items() if not name.startswith("$")}
    assert named["record"] == (0,)
    assert named["inner"] == (0, 1)
    assert named["count"] == (1,)
    assert len(found[-1].values()) > len(named)  # what Python's bytecode names $4load_attr, for instance
    assert (0, 1, 1) in found[-1].values()


def defined(function):
    """Names of the functions that are left in the optimised code."""
    (result,) = function.overloads.values()
    return [line for line in result.library.get_llvm_str().splitlines() if line.startswith("define")]


def test_a_part_stays_a_function_of_its_own():
    @part_kernel
    def tripled(number):
        return 3.0 * number

    @kernel
    def quartered(number):
        return 0.25 * tripled(number)  # numba would pass "forceinline" on to the callee

    @njit()
    def caller(number):
        return tripled(number) + quartered(number)

    assert caller(4.0) == 15.0
    assert any("tripled" in line for line in defined(caller))
    assert not any("quartered" in line for line in defined(caller))
