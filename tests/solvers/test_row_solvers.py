"""Solvers of many rows against the solvers of one problem, called for each row."""

import numpy as np
import pytest

from edge_llm_gym.solvers import baselines, dftsp, ot_gah
from tests.problems.test_rows import random_rows
from tests.solvers.test_baselines import direct_first_fit

PRICES = (0.0, 0.3)


def by_row(rows, solve) -> np.ndarray:
    """Node [R, N] of `solve`, a function of a problem and its row, for one row after the other."""
    node = np.zeros(rows.visible.shape, np.int64)
    for row, visible in enumerate(rows.visible):
        node[row, visible] = solve(rows.problem(row), row)
    return node


@pytest.mark.parametrize("improve", [False, True])
@pytest.mark.parametrize("node_limit", [1_000_000, 3])
@pytest.mark.parametrize("time_price", PRICES)
def test_ot_gah_equals_the_solver_of_one_problem(time_price, node_limit, improve):
    rows = random_rows(np.random.default_rng(4), 12, 16, 3, time_price)
    options = {"improve": improve, "node_limit": node_limit}
    found = ot_gah.solve_rows(rows, **options)
    np.testing.assert_array_equal(found, by_row(rows, lambda problem, row: ot_gah.solve(problem, **options).node))
    assert np.unique(found).size == 4


@pytest.mark.parametrize("node_limit", [1_000_000, 2])
@pytest.mark.parametrize("time_price", PRICES)
def test_dftsp_equals_the_solver_of_one_node_on_the_requests_that_are_left(time_price, node_limit):
    rng = np.random.default_rng(5)
    rows = random_rows(rng, 12, 16, 3, time_price)
    urgency = rng.integers(3, size=rows.visible.shape).astype(float)

    def in_turn(problem, row):
        node, own = np.zeros(problem.request_count, np.int64), urgency[row, rows.visible[row]]
        for index, one in enumerate(problem.nodes):
            left = node == 0
            best = dftsp.solve(one.subset(left), node_limit=node_limit, urgency=own[left])
            node[np.flatnonzero(left)[best.selected]] = index + 1
        return node

    found = dftsp.solve_node_by_node(rows, urgency, node_limit=node_limit)
    np.testing.assert_array_equal(found, by_row(rows, in_turn))
    assert np.unique(found).size == 4
    if not time_price and node_limit > 2:
        calm = dftsp.solve_node_by_node(rows, np.zeros_like(urgency))
        assert (calm != found).any()  # values are equal often enough for urgency to matter


@pytest.mark.parametrize("limit", [None, 2])
@pytest.mark.parametrize("rule", list(baselines.NODE_RULES))
def test_first_fit_equals_a_direct_implementation_in_each_row(rule, limit):
    rng = np.random.default_rng(6)
    rows = random_rows(rng, 8, 12, 3)
    order = np.full(rows.visible.shape, -1)
    for row, visible in enumerate(rows.visible):
        order[row, : visible.sum()] = rng.permutation(np.flatnonzero(visible))
    found = baselines.first_fit_rows(rows, order, rule, limit=limit)

    def direct(problem, row):
        rank = np.cumsum(rows.visible[row]) - 1  # of each slot among the visible ones
        return direct_first_fit(problem, rank[order[row][order[row] >= 0]], rule, limit)

    np.testing.assert_array_equal(found, by_row(rows, direct))
    assert found.any()
