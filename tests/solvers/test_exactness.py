"""The exact search against brute force and a MILP, and the approximation against its guarantee."""

import numpy as np
import pytest

from edge_llm_gym.problems import AssignmentProblem, BatchProblem
from edge_llm_gym.solvers import dftsp, ot_gah, reference


def instance(rng: np.random.Generator, n: int, nodes: int = 1) -> AssignmentProblem:
    """Conflicting resources: each alone admits about a third; budgets and shared times spread; values equal or not."""
    equal, coarse = rng.random() < 0.5, rng.random() < 0.3
    value = np.ones(n) if equal else rng.integers(1, 6, n).astype(float) if coarse else rng.uniform(0.5, 3.0, n)

    def column() -> np.ndarray:
        drawn = rng.uniform(0.1, 1.0, n)
        return np.round(drawn, 1) if coarse else drawn

    def node() -> BatchProblem:
        time_s, kv, up, down = (column() for _ in range(4))
        third = 0.55 * max(n, 1) / 3
        return BatchProblem(
            time_s=time_s,
            shared_time_s=rng.uniform(0.0, 0.4 * third, n),
            kv_bytes=kv,
            uplink_share=up / third,
            downlink_share=down / third,
            budget_s=rng.uniform(0.2, 1.6, n) * third,
            value=value,
            memory_bytes=third,
            time_cap_s=np.inf if rng.random() < 0.5 else third * rng.uniform(0.5, 1.5),
        )

    return AssignmentProblem(tuple(node() for _ in range(nodes)))


def check_solution(problem: BatchProblem, solution) -> None:
    assert solution.optimal
    assert problem.feasible(solution.selected)
    assert solution.value == pytest.approx(problem.objective(solution.selected))
    assert solution.upper_bound == pytest.approx(solution.value)


@pytest.mark.parametrize("seed", range(5))
def test_dftsp_equals_brute_force(seed):
    rng = np.random.default_rng(seed)
    for _ in range(60):
        (problem,) = instance(rng, int(rng.integers(0, 13))).nodes
        solution = dftsp.solve(problem)
        check_solution(problem, solution)
        assert solution.value == pytest.approx(reference.brute_force(problem).value)


@pytest.mark.parametrize("n", [20, 30, 40])
def test_dftsp_equals_the_milp(n):
    rng = np.random.default_rng(n)
    for _ in range(12):
        (problem,) = instance(rng, n).nodes
        solution = dftsp.solve(problem)
        check_solution(problem, solution)
        exact = reference.milp(problem)
        assert exact.optimal
        assert solution.value == pytest.approx(exact.value, rel=1e-6)


def test_the_two_references_agree():
    rng = np.random.default_rng(9)
    for _ in range(25):
        problem = instance(rng, int(rng.integers(1, 7)), nodes=int(rng.integers(1, 4)))
        assert reference.milp(problem).value == pytest.approx(reference.brute_force(problem).value)


@pytest.mark.parametrize("improve", [False, True])
def test_ot_gah_keeps_its_guarantee(improve):
    rng = np.random.default_rng(11)
    ratios = []
    for _ in range(50):
        problem = instance(rng, int(rng.integers(2, 9)), nodes=int(rng.integers(2, 4)))
        solution = ot_gah.solve(problem, improve=improve)
        assert problem.feasible(solution.node)
        assert solution.value == pytest.approx(problem.objective(solution.node))
        optimum = reference.brute_force(problem).value
        assert 0.5 * optimum - 1e-9 <= solution.value <= optimum + 1e-9 <= solution.upper_bound + 1e-6
        ratios.append(solution.value / optimum if optimum else 1.0)
    assert np.mean(ratios) > 0.8


@pytest.mark.compiled
def test_improvement_never_lowers_the_value():
    rng = np.random.default_rng(12)
    for _ in range(30):
        problem = instance(rng, 20, nodes=3)
        assert ot_gah.solve(problem, improve=True).value >= ot_gah.solve(problem).value - 1e-9


def test_a_search_cut_short_still_bounds_the_optimum():
    rng = np.random.default_rng(13)
    cut = 0
    for _ in range(20):
        (problem,) = instance(rng, 40).nodes
        exact, short = dftsp.solve(problem).value, dftsp.solve(problem, node_limit=3)
        cut += not short.optimal
        assert problem.feasible(short.selected)
        assert short.value - 1e-9 <= exact <= short.upper_bound + 1e-9
    assert cut > 0


def test_urgency_breaks_ties_and_only_ties():
    problem = BatchProblem(
        time_s=[1.0] * 4,
        shared_time_s=[0.0] * 4,
        kv_bytes=[1.0] * 4,
        uplink_share=[0.1] * 4,
        downlink_share=[0.1] * 4,
        budget_s=[2.0] * 4,
        value=[1.0, 1.0, 1.0, 1.5],
        memory_bytes=10.0,
        time_cap_s=np.inf,
    )
    solution = dftsp.solve(problem, urgency=[0.0, 0.0, 1.0, 0.0])
    assert solution.selected.tolist() == [False, False, True, True]


@pytest.mark.parametrize("n", [0, 5])
def test_nothing_to_choose_or_no_room_is_an_answer(n):
    rng = np.random.default_rng(14)
    (source,) = instance(rng, n).nodes
    arrays = (source.time_s, source.shared_time_s, source.kv_bytes, source.uplink_share, source.downlink_share)
    problem = BatchProblem(*arrays, source.budget_s, source.value, 0.0, 0.0)
    assert dftsp.solve(problem).value == 0.0
    assert dftsp.solve(problem).optimal
    assert ot_gah.solve(AssignmentProblem((problem, problem))).value == 0.0
