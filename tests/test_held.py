"""Held records: kernels see and change the same arrays, and nothing is kept longer than the object."""

import copy
import pickle
import sys
from typing import NamedTuple

import numba
import numpy as np
import pytest

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import njit
from edge_llm_gym.held import HeldRecords, hold


class Pair(NamedTuple):
    """A record for these tests."""

    scale: float
    values: Array


@njit()
def _multiply(held, row):
    pair, space = held.value
    space[0] += 1
    pair.values[row] *= pair.scale


def pair() -> Pair:
    return Pair(2.0, np.ones(3))


def test_a_kernel_changes_the_arrays_that_are_held():
    record, space = pair(), np.zeros(1)
    held = hold((record, space))
    _multiply(held, 1)
    _multiply(held, 1)
    np.testing.assert_array_equal(record.values, [1.0, 4.0, 1.0])
    assert space[0] == 2


def test_records_are_held_until_one_is_another_object():
    held, record, made = HeldRecords(), pair(), []
    first = held.of((record,), lambda: made.append(1) or np.zeros(1))
    assert held.of((record,), lambda: made.append(1) or np.zeros(1)) is first
    equal = Pair(2.0, np.ones(3))
    other = held.of((equal,), lambda: made.append(1) or np.zeros(1))
    assert other is not first
    assert len(made) == 2
    _multiply(other, 0)
    assert (record.values[0], equal.values[0]) == (1.0, 2.0)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda held: pickle.loads(pickle.dumps(held))])
def test_a_copy_holds_its_own_records(copied):
    held, record = HeldRecords(), pair()
    held.of((record,), lambda: np.zeros(1))
    other, own = copied(held), copied(record)
    _multiply(other.of((own,), lambda: np.zeros(1)), 2)
    assert (record.values[2], own.values[2]) == (1.0, 2.0)


@pytest.mark.compiled
@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="nothing is taken apart without compilation")
def test_nothing_is_kept_longer_than_the_object():
    record, space = pair(), np.zeros(1)
    before = sys.getrefcount(record.values), sys.getrefcount(space)
    held = hold((record, space))
    for _ in range(100):
        _multiply(held, 0)
    assert sys.getrefcount(space) > before[1]
    del held
    assert (sys.getrefcount(record.values), sys.getrefcount(space)) == before
