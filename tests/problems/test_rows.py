"""Rows of problems against the problems of their rows."""

import numpy as np
import pytest

from edge_llm_gym.problems import AssignmentProblem
from edge_llm_gym.problems.batch import BatchArrays
from edge_llm_gym.problems.rows import PER_NODE, AssignmentRows, assignment_rows, objectives, one_row


def random_rows(rng: np.random.Generator, rows: int, slots: int, nodes: int, time_price: float = 0.0) -> AssignmentRows:
    """Problems in which every limit binds; some rows have few requests, the first has none. Empty slots hold NaN."""
    pairs = (rows, slots, nodes)
    visible = rng.random((rows, slots)) < rng.random((rows, 1))
    visible[0] = False
    fields = {
        "time_s": rng.exponential(0.3, pairs),
        "shared_time_s": rng.exponential(0.5, pairs),
        "kv_bytes": rng.exponential(1.0, pairs),
        "uplink_share": np.where(rng.random(pairs) < 0.05, np.inf, rng.exponential(0.2, pairs)),
        "downlink_share": rng.exponential(0.15, pairs),
        "budget_s": rng.uniform(-0.5, 5.0, pairs),
        "value": rng.integers(1, 4, pairs).astype(float) if time_price == 0.0 else rng.exponential(1.0, pairs),
        "memory_bytes": rng.uniform(0.0, 10.0, (rows, nodes)),
        "time_cap_s": rng.uniform(0.5, 6.0, (rows, nodes)),
        "time_price": np.full((rows, nodes), time_price),
    }
    empty = {name: np.where(visible[..., None], fields[name], np.nan) for name in fields if name not in PER_NODE}
    return assignment_rows(visible, fields | empty)


def test_objectives_are_those_of_the_rows_problems():
    rng = np.random.default_rng(1)
    rows = random_rows(rng, 6, 9, 3, time_price=0.4)
    node = np.where(rows.visible, rng.integers(4, size=rows.visible.shape), 0)
    expected = [rows.problem(row).objective(node[row, rows.visible[row]]) for row in range(6)]
    np.testing.assert_allclose(objectives(rows, node), expected, rtol=1e-12)
    assert len(set(expected)) > 3


def test_a_problem_as_one_row_is_the_same_problem():
    problem = random_rows(np.random.default_rng(2), 4, 8, 2, time_price=0.1).problem(3)
    assert problem.request_count > 2
    again: AssignmentProblem = one_row(problem).problem(0)
    for before, after in zip(problem.nodes, again.nodes, strict=True):
        for name in BatchArrays._fields:
            np.testing.assert_array_equal(getattr(before, name), getattr(after, name))
        np.testing.assert_array_equal(after.net_value, before.net_value)


def test_numbers_that_no_problem_may_hold_are_refused_where_there_is_a_request():
    rows = random_rows(np.random.default_rng(3), 4, 8, 2)
    fields = {name: getattr(rows, name).copy() for name in BatchArrays._fields}
    row, slot = np.argwhere(rows.visible)[0]
    fields["kv_bytes"][row, slot, 1] = np.nan
    with pytest.raises(ValueError, match="kv_bytes must be zero or more and finite, and not NaN, got nan"):
        assignment_rows(rows.visible, fields)
    hidden = rows.visible.copy()
    hidden[row, slot] = False
    assert not assignment_rows(hidden, fields).visible[row, slot]
