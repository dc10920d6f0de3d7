"""The multi-node problem: feasibility per node, subsets and replacements, validation."""

import numpy as np
import pytest

from edge_llm_gym.problems import AssignmentProblem, BatchProblem
from tests.problems.test_batch import GOOD

SMALL, LARGE = BatchProblem(**GOOD), BatchProblem(**GOOD | {"memory_bytes": 100.0, "value": [3.0, 3.0, 3.0]})


def test_feasibility_is_checked_per_node():
    problem = AssignmentProblem((SMALL, LARGE))
    assert (problem.request_count, problem.node_count) == (3, 2)
    assert problem.feasible(np.array([1, 1, 2]))
    assert problem.objective(np.array([1, 1, 2])) == 1.0 + 2.0 + 3.0
    assert problem.violations(np.array([0, 1, 1])) == {1: pytest.approx({"time_s": 1.0, "memory_bytes": 10.0})}
    assert problem.violations(np.array([0, 2, 2])) == {2: pytest.approx({"time_s": 1.0})}
    assert [mask.tolist() for mask in problem.selected(np.array([2, 0, 1]))] == [
        [False, False, True],
        [True, False, False],
    ]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: AssignmentProblem(()), ValueError, "node"),
        (lambda: AssignmentProblem((SMALL, 3)), TypeError, "BatchProblem"),
        (
            lambda: AssignmentProblem(
                (SMALL, BatchProblem(*([[1.0]] * 7), 1.0, 1.0)),  # one request only
            ),
            ValueError,
            "request",
        ),
        (lambda: AssignmentProblem((SMALL,)).feasible(np.array([0, 2, 0])), ValueError, "0"),
        (lambda: AssignmentProblem((SMALL,)).feasible(np.array([0.0, 1.0, 0.0])), ValueError, "integer"),
        (lambda: AssignmentProblem((SMALL,)).feasible(np.array([0, 1])), ValueError, r"\(3,\)"),
    ],
)
def test_misuse_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_subsets_and_replacements_apply_to_every_node():
    problem = AssignmentProblem((SMALL, LARGE))
    part = problem.subset(np.array([False, True, True]))
    assert (part.request_count, part.node_count) == (2, 2)
    assert [node.value.tolist() for node in part.nodes] == [[2.0, 4.0], [3.0, 3.0]]
    other = problem.replace(memory_bytes=[5.0, 6.0], value=[[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]])
    assert [node.memory_bytes for node in other.nodes] == [5.0, 6.0]
    assert other.objective(np.array([1, 2, 0])) == 3.0
    with pytest.raises(ValueError, match="value must have one entry for each of 2 nodes, got 1"):
        problem.replace(value=[[1.0, 1.0, 1.0]])
