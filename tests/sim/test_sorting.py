"""Stable sorting of indices against Python's `sorted`, and the number of its comparisons and moves."""

import math

import numpy as np
import pytest
from numba import njit

from edge_llm_gym.sim import sorting

FUNCTIONS = ("insert", "merge", "merge_sort_into", "sort_into")


@njit
def compiled_sort_into(items, middle, last, keys, scratch):
    sorting.sort_into(items, middle, last, keys, scratch)


def keys_with_ties(rng, size: int) -> np.ndarray:
    """Few different keys, so that most are equal to another one."""
    return rng.integers(max(size // 4, 1), size=size).astype(np.float64)


@pytest.mark.parametrize("waiting", [0, 1, 50, 400])
@pytest.mark.parametrize("arriving", [0, 1, 2, 31, 32, 33, 64, 65, 97, 128, 129, 1000])
def test_items_are_sorted_into_others_and_come_after_equal_ones(waiting, arriving):
    rng, until = np.random.default_rng(1000 * waiting + arriving), waiting + arriving
    keys = keys_with_ties(rng, until + 20)
    items = rng.permutation(until + 20).astype(np.int32)
    items[:waiting] = sorted(items[:waiting], key=lambda item: keys[item])
    expected = [*sorted(items[:until], key=lambda item: keys[item]), *items[until:]]
    compiled_sort_into(items, waiting, until, keys, np.zeros(arriving, np.int32))
    assert items.tolist() == expected


class Counting(list):
    """A list that counts how often one of its items is read or written."""

    count = 0

    def __getitem__(self, index):
        self.count += 1
        return super().__getitem__(index)

    def __setitem__(self, index, value):
        self.count += 1
        super().__setitem__(index, value)


@pytest.fixture
def interpreted(monkeypatch):
    """The functions as plain Python, which call one another and take lists."""
    for name in FUNCTIONS:
        function = getattr(sorting, name)
        monkeypatch.setattr(sorting, name, getattr(function, "py_func", function))


def accesses(waiting: int, arriving: int, order: str) -> int:
    """Items, keys and scratch items read or written as items of random or descending keys are sorted into others."""
    rng = np.random.default_rng(0)
    keys = np.concatenate([np.sort(rng.random(waiting)) + 0.5, rng.random(arriving)])
    if order == "descending":
        keys[waiting:] = np.linspace(1.0, 0.0, arriving)
    lists = [Counting(range(keys.size)), Counting(keys.tolist()), Counting([0] * arriving)]
    sorting.sort_into(lists[0], waiting, keys.size, lists[1], lists[2])
    assert lists[0] == np.argsort(keys, kind="stable").tolist()
    return sum(each.count for each in lists)


@pytest.mark.parametrize("order", ["random", "descending"])
def test_the_work_grows_as_n_log_n(interpreted, order):
    """The bound is that of sorting by merging, and the count at most 2.4 times as large for twice the items."""
    counts = []
    for size in (500, 1000, 2000):
        counts.append(accesses(2 * size, size, order))
        assert counts[-1] < 10 * size * (math.log2(size) + 3 * sorting.FEW / 4)
    assert counts[2] < 2.4 * counts[1] < 2.4**2 * counts[0]
