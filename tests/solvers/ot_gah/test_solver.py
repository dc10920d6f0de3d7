"""OT-GAH on generated problems: at least half of the optimum, and no loss by the improvement."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_llm_gym.problems import AssignmentProblem, BatchProblem
from edge_llm_gym.problems.random_instances import conflicting, heterogeneous_nodes
from edge_llm_gym.solvers import dftsp, ot_gah, reference
from tests.solvers.problem_strategies import assignment_problems, batch_problems

MANY = settings(max_examples=200, deadline=None)


def tolerance(problem: AssignmentProblem) -> float:
    """Totals closer than this count as equal."""
    return 1e-8 * max(node.value.max(initial=0.0) for node in problem.nodes)


def check(problem: AssignmentProblem, solution, optimum: float) -> None:
    """Feasible, at least half of the optimum, within its bound, and optimal if so reported."""
    slack = tolerance(problem)
    assert problem.feasible(solution.node)
    assert solution.optimal_oracles
    assert solution.value == problem.objective(solution.node)
    assert 0.5 * optimum - slack <= solution.value <= optimum + slack
    assert optimum <= solution.upper_bound + slack
    if solution.optimal:
        assert solution.value == pytest.approx(optimum, abs=slack)


@given(assignment_problems(), st.randoms(use_true_random=False))
@MANY
def test_keeps_half_of_the_optimum_in_any_order_of_the_nodes(problem, random):
    numbers = range(1, problem.node_count + 1)
    order = random.sample(numbers, problem.node_count)
    optimum = reference.brute_force(problem).value
    plain, improved = ot_gah.solve(problem, order=order), ot_gah.solve(problem, order=order, improve=True)
    check(problem, plain, optimum)
    check(problem, improved, optimum)
    assert improved.value >= plain.value
    assert improved.upper_bound <= plain.upper_bound + tolerance(problem)


@given(assignment_problems(), st.integers(0, 4), st.booleans())
@MANY
def test_queries_stopped_early_void_the_guarantee_but_not_the_bound(problem, node_limit, improve):
    solution = ot_gah.solve(problem, improve=improve, node_limit=node_limit)
    optimum = reference.brute_force(problem).value
    assert problem.feasible(solution.node)
    assert solution.value <= optimum + tolerance(problem)
    assert optimum <= solution.upper_bound + tolerance(problem)
    if solution.optimal_oracles:
        assert solution.value >= 0.5 * optimum - tolerance(problem)


@given(batch_problems(most=12))
@MANY
def test_on_one_node_it_is_the_exact_search(problem):
    solution = ot_gah.solve(AssignmentProblem((problem,)))
    assert solution.optimal
    assert solution.value == pytest.approx(dftsp.solve(problem).value)


def single_slot(value: list[float], fits: list[bool]) -> BatchProblem:
    """A node with memory for one request, and bandwidth for those that fit."""
    share = np.where(fits, 0.0, np.inf)
    free = np.zeros(len(value))
    return BatchProblem(free, free, np.ones(len(value)), share, free, free, value, memory_bytes=1.0, time_cap_s=0.0)


def test_the_worst_case_of_one_half_is_reached_and_improved():
    # Both requests fit the first node, only the first request fits the second; the first node selects that request.
    problem = AssignmentProblem((single_slot([1.0, 0.99], [True, True]), single_slot([1.0, 1.0], [True, False])))
    assert ot_gah.solve(problem).value == 1.0
    assert ot_gah.solve(problem, order=[2, 1]).value == pytest.approx(1.99)
    improved = ot_gah.solve(problem, improve=True)
    assert improved.node.tolist() == [2, 1]
    assert improved.value == reference.brute_force(problem).value


def test_equal_values_round_the_improved_bound_down():
    for seed in range(20):
        problem = heterogeneous_nodes(np.random.default_rng(seed), 24, 3)
        bound = ot_gah.solve(problem, improve=True).upper_bound
        assert bound == pytest.approx(round(bound))


def test_improvement_gains_more_with_more_rounds():
    problems = [heterogeneous_nodes(np.random.default_rng(seed), 30, 4, equal_values=False) for seed in range(10)]
    totals = [sum(ot_gah.solve(each, improve=True, rounds=rounds).value for each in problems) for rounds in (0, 2, 8)]
    assert totals[0] == sum(ot_gah.solve(each).value for each in problems)
    assert totals == sorted(totals)
    assert totals[0] < totals[-1]


@pytest.mark.parametrize("n", [0, 3])
def test_no_requests_and_no_capacity_are_valid(n):
    rng = np.random.default_rng(0)
    full = conflicting(rng, n)
    arrays = (full.time_s, full.shared_time_s, full.kv_bytes, full.uplink_share, full.downlink_share, full.budget_s)
    node = BatchProblem(*arrays, full.value, memory_bytes=0.0, time_cap_s=0.0)
    solution = ot_gah.solve(AssignmentProblem((node, node)), improve=True)
    assert solution.node.tolist() == [0] * n
    assert solution.optimal
    assert solution.upper_bound == 0.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"order": [1, 1]}, "each node number from 1 to 2 once"),
        ({"order": [0, 1]}, "each node number from 1 to 2 once"),
        ({"node_limit": -1}, "node_limit must be zero or more, got -1"),
        ({"rounds": -1}, "rounds must be zero or more, got -1"),
    ],
)
def test_malformed_settings_are_named(change, message):
    problem = heterogeneous_nodes(np.random.default_rng(0), 3, 2)
    with pytest.raises(ValueError, match=message):
        ot_gah.solve(problem, **change)
