"""Parts of the exact search that do without arrays of their own, against NumPy."""

from dataclasses import replace

import numpy as np
import pytest

from edge_llm_gym.compiled import njit
from edge_llm_gym.problems.random_instances import heterogeneous_nodes
from edge_llm_gym.solvers.dftsp import search_state
from edge_llm_gym.solvers.dftsp.multipliers import FREE, relax
from edge_llm_gym.solvers.dftsp.pairs import update_pair_bounds
from edge_llm_gym.solvers.dftsp.search_state import rising_order, stable_order, write_pair_capacity
from tests.solvers.memories import opened, search_memory


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


@njit()
def lowered(search, row, column):
    """Bounds of all pairs by the multipliers of one pair among all requests."""
    search.fixed[:] = FREE
    write_pair_capacity(search, row, column, search.work.capacity)
    relax(search.simplex, search.profit, search.usage, search.work.capacity, search.fixed)
    update_pair_bounds(search)


@njit()
def set_best(search, best):
    search.progress[0].best = best


def possible_pairs(search):
    """Which pairs some batch can have, array by array."""
    possible = np.zeros((search.budget.size, search.shared_cost.size), np.bool_)
    for x, y in np.ndindex(possible.shape):
        inside = (search.row >= x) & (search.column <= y)
        used = (inside & (search.row == x)).any() and (inside & (search.column == y)).any()
        possible[x, y] = used and search.shared[0, y] <= search.budget[x]
    return possible


def plain_bounds(search):
    """The bound of every possible pair, array by array; -inf for the others."""
    possible, reduced, price = possible_pairs(search), search.simplex.reduced, search.simplex.multipliers
    bound = np.full(possible.shape, -np.inf)
    for x, y in np.argwhere(possible):
        inside = (search.row >= x) & (search.column <= y)
        capacity = search.capacity - search.shared[:, y]
        capacity[0] = search.budget[x] - search.shared[0, y]
        loss = -np.minimum(reduced, 0.0)
        anchors = loss[search.row == x].min(), loss[search.column == y].min()
        together = (inside & (search.row == x) & (search.column == y)).any()
        anchor_penalty = max(anchors) if together else sum(anchors)
        gains = np.maximum(reduced[inside], 0.0).sum()
        bound[x, y] = price @ capacity + gains - search.shared_cost[y] - anchor_penalty
    return bound


@pytest.mark.parametrize(("seed", "share"), [(0, 0.0), (1, 0.5), (5, 0.8), (10, 0.8)])
def test_open_columns_hold_the_bounds_of_all_pairs_that_can_be_better(seed, share):
    rng, n = np.random.default_rng(seed), 40
    node = heterogeneous_nodes(rng, n, 1).nodes[0]
    problem = replace(node, time_price=0.5 if seed % 2 else 0.0).arrays()
    memory = search_memory(n)
    search = opened(memory, np.arange(n), problem, rng.integers(1, 5, n).astype(float))
    for x, possible in enumerate(possible_pairs(search)):
        window = slice(search.first_column[x], search.last_column[x] + 1)
        assert (
            np.flatnonzero(possible).tolist()
            == (search.first_column[x] + np.flatnonzero(search.bound[x, window] == np.inf)).tolist()
        )
    expected = np.full(search.bound.shape, np.inf)
    root = search.budget.size - 1, 0
    for row, column in (root, (search.budget.size // 2, 0), (0, search.shared_cost.size // 2), root):
        lowered(search, row, column)
        expected = np.minimum(expected, plain_bounds(search))
        set_best(search, max(search.progress[0]["best"], share * expected.max()))
    lowered(search, *root)  # with the last total
    least = search_state.next_better(search)
    better = 0
    for x, bounds in enumerate(expected):
        window = slice(search.first_column[x], search.last_column[x] + 1)
        np.testing.assert_allclose(search.bound[x, window], bounds[window], rtol=1e-12)
        open_columns = np.flatnonzero(bounds >= least)
        better += open_columns.size
        assert open_columns.size == 0 or (search.first_column[x], search.last_column[x]) == (
            open_columns[0],
            open_columns[-1],
        )
        assert open_columns.size > 0 or search.first_column[x] > search.last_column[x]
    assert 0 < better < expected.size
