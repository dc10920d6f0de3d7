"""First fit against a direct implementation by the problem's feasibility check."""

import numpy as np
import pytest

from edge_llm_gym.problems import AssignmentProblem, BatchProblem
from edge_llm_gym.solvers import baselines


def random_node(rng: np.random.Generator, n: int) -> BatchProblem:
    return BatchProblem(
        time_s=rng.exponential(0.3, n),
        shared_time_s=rng.exponential(0.5, n),
        kv_bytes=rng.exponential(1.0, n),
        uplink_share=np.where(rng.random(n) < 0.05, np.inf, rng.exponential(0.2, n)),
        downlink_share=rng.exponential(0.15, n),
        budget_s=rng.uniform(-0.5, 5.0, n),
        value=np.ones(n),
        memory_bytes=rng.uniform(0.0, 10.0),
        time_cap_s=rng.uniform(0.5, 6.0),
    )


def end_of(problem: AssignmentProblem, node: np.ndarray, k: int) -> float:
    return problem.nodes[k].batch_time_s(node == k + 1)


def radio_of(problem: AssignmentProblem, request: int, k: int) -> float:
    return problem.nodes[k].uplink_share[request] + problem.nodes[k].downlink_share[request]


SCORES = {
    "earliest-finish": lambda problem, node, request, k: end_of(problem, node, k),
    "best-channel": lambda problem, node, request, k: radio_of(problem, request, k),
    "most-memory": lambda problem, node, request, k: problem.nodes[k].kv_bytes[request] - problem.nodes[k].memory_bytes,
    "first": lambda problem, node, request, k: k,
}


def direct_first_fit(problem: AssignmentProblem, order, rule: str, limit: int | None) -> np.ndarray:
    """Tries every node and selects the feasible one of least score."""
    node = np.zeros(problem.request_count, np.int64)
    for request in order:
        options = []
        for k in range(problem.node_count):
            trial = node.copy()
            trial[request] = k + 1
            if problem.feasible(trial) and (limit is None or (trial == k + 1).sum() <= limit):
                options.append((SCORES[rule](problem, trial, request, k), k))
        if options:
            node[request] = min(options)[1] + 1
    return node


@pytest.mark.parametrize("limit", [None, 1, 3])
@pytest.mark.parametrize("rule", list(baselines.NODE_RULES))
def test_first_fit_equals_a_direct_implementation(rule, limit):
    rng = np.random.default_rng(7)
    served = 0
    for _ in range(60):
        n, nodes = int(rng.integers(0, 15)), int(rng.integers(1, 4))
        problem = AssignmentProblem(tuple(random_node(rng, n) for _ in range(nodes)))
        order = rng.permutation(n)
        found = baselines.assign_first_fit(problem, order, rule, limit=limit)
        np.testing.assert_array_equal(found, direct_first_fit(problem, order, rule, limit))
        served += int((found > 0).sum())
    assert served > 50


def test_one_node_is_the_assignment_of_one_node():
    problem = random_node(np.random.default_rng(1), 20)
    order = np.arange(20)[::-1]
    selected = baselines.first_fit(problem, order)
    assert selected.dtype == np.bool_
    np.testing.assert_array_equal(selected, baselines.assign_first_fit(AssignmentProblem((problem,)), order) == 1)
    assert problem.feasible(selected)


def test_requests_outside_the_order_are_left_out():
    problem = random_node(np.random.default_rng(2), 10)
    selected = baselines.first_fit(problem, np.array([3, 4]))
    assert not selected[[0, 1, 2, 5, 6, 7, 8, 9]].any()


@pytest.mark.parametrize(
    ("order", "rule", "message"),
    [
        ([0, 0], "first", "distinct request indices"),
        ([0, 99], "first", "distinct request indices from 0 to 4"),
        ([0.5], "first", "1-D array of request indices"),
        ([0], "firstt", "did you mean 'first'"),
    ],
)
def test_misuse_is_named(order, rule, message):
    problem = AssignmentProblem((random_node(np.random.default_rng(3), 5),))
    with pytest.raises(ValueError, match=message):
        baselines.assign_first_fit(problem, order, rule)
