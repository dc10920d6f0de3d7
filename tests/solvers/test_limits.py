"""Limits of the solvers: kept, with a finite bound in any case, and of any numeric type without recompilation."""

import time

import numpy as np
import pytest

from edge_llm_gym.problems import AssignmentProblem, BatchProblem
from edge_llm_gym.problems.random_instances import conflicting, heterogeneous_nodes
from edge_llm_gym.problems.random_networks import random_network
from edge_llm_gym.solvers import dftsp, dto_ee, ot_gah, reference
from edge_llm_gym.solvers.dftsp.memory import MAX_PAIRS
from edge_llm_gym.solvers.dftsp.scaling import open_search, servable_requests
from edge_llm_gym.solvers.dftsp.start import choose_by_scarcity, fractional_bound
from edge_llm_gym.solvers.dftsp.tree_search import advance
from edge_llm_gym.solvers.dto_ee.rounds import run_rounds
from edge_llm_gym.solvers.ot_gah.solver import assign
from tests.solvers.memories import opened, search_memory


class Readings:
    """A clock that passes one second at each reading."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> float:
        self.count += 1
        return float(self.count)


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> Readings:
    """Replaces the clock that compiled searches read."""
    clock = Readings()
    monkeypatch.setattr(time, "perf_counter", clock)
    return clock


@pytest.mark.compiled
@pytest.mark.parametrize("seconds", [1, 5, 60])
def test_a_search_ends_with_its_clock(readings: Readings, seconds: int) -> None:
    """The tables of 4 million pairs take 240 readings of the clock, so that each of these limits ends before them."""
    problem = conflicting(np.random.default_rng(0), 2000, equal_values=False)
    found = dftsp.solve(problem, time_limit_s=float(seconds))
    assert readings.count <= seconds + 2  # the start, and the reading that ends the search
    assert found.nodes_visited == 0
    assert problem.feasible(found.selected)
    assert 0.0 < found.value <= found.upper_bound < np.inf


@pytest.mark.compiled
@pytest.mark.parametrize("seconds", [4, 30])
def test_an_assignment_ends_with_its_clock(readings: Readings, seconds: int) -> None:
    problem = heterogeneous_nodes(np.random.default_rng(0), 600, 3, family="conflicting", equal_values=False)
    found = ot_gah.solve(problem, improve=True, time_limit_s=float(seconds))
    queries = 2 * problem.node_count * (1 + 2)  # of the first pass and of the round in which the time ends, at most
    assert readings.count <= seconds + 2 + queries
    assert not found.optimal_oracles
    assert problem.feasible(found.node)
    assert 0.0 < found.value <= found.upper_bound < np.inf


@pytest.mark.parametrize("limits", [{"node_limit": 0}, {"time_limit_s": 0.0}, {"time_limit_s": 0}])
@pytest.mark.parametrize("n", [12, 600])
def test_the_shortest_limits_give_a_feasible_batch_and_a_finite_bound(n: int, limits: dict[str, float]) -> None:
    problem = conflicting(np.random.default_rng(n), n, equal_values=False)
    optimum = dftsp.solve(problem).value
    for found in (dftsp.solve(problem, **limits), ot_gah.solve(AssignmentProblem((problem,)), **limits)):
        assert problem.feasible(getattr(found, "selected", getattr(found, "node", None)) == 1)
        assert 0.0 <= found.value <= optimum <= found.upper_bound < np.inf
    assert dftsp.solve(problem, **limits).value > 0.0


def test_the_start_of_a_search_is_feasible_and_its_bound_holds() -> None:
    rng = np.random.default_rng(0)
    for _ in range(40):
        problem = conflicting(rng, 9, equal_values=False).replace(time_price=0.2 * rng.random())
        memory, request = search_memory(9), np.empty(9, np.int64)
        request = request[: servable_requests(problem.arrays(), problem.net_value, request)]
        search = opened(memory, request, problem.arrays(), problem.net_value)
        choose_by_scarcity(search)
        chosen = np.zeros(9, np.bool_)
        chosen[request[search.work.chosen]] = True
        best = reference.brute_force(problem).value
        unit = problem.net_value[request].max()
        assert problem.feasible(chosen)
        assert problem.objective(chosen) <= best + 1e-9
        assert fractional_bound(search) * unit >= best - 1e-9
        # Each row alone, with requests that can be divided: no worse than all profits together.
        assert fractional_bound(search) * unit <= problem.net_value[request].sum() + 1e-9


@pytest.mark.parametrize("limit_s", [0.0, 0.02])
def test_the_milp_without_time_to_load_gives_empty_batches(limit_s: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "_Program", None)  # must not be made
    problem = conflicting(np.random.default_rng(0), 300)
    found = reference.milp(problem, limit_s)
    assert not found.selected.any()
    assert not found.optimal
    assert found.value == 0.0
    assert dftsp.solve(problem).value <= found.upper_bound <= problem.value.sum()


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_the_milp_solves_problems_in_any_units(scale: float) -> None:
    plain = conflicting(np.random.default_rng(0), 12, equal_values=False).replace(time_price=0.05)
    times = {name: scale * getattr(plain, name) for name in ("time_s", "shared_time_s", "budget_s", "time_cap_s")}
    scaled = plain.replace(**times, value=plain.value / scale, time_price=0.05 / scale**2)
    expected = reference.brute_force(scaled)
    assert reference.milp(scaled).value == pytest.approx(expected.value, rel=1e-9)
    assert dftsp.solve(scaled).value == pytest.approx(expected.value, rel=1e-9)


@pytest.mark.parametrize("limit", [1.5, True, "7", np.nan, -3, None, [1]])
def test_node_limits_of_other_types_are_refused(limit: object) -> None:
    problem = conflicting(np.random.default_rng(0), 4)
    with pytest.raises(ValueError, match="node_limit must be"):
        dftsp.solve(problem, node_limit=limit)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="node_limit must be"):
        ot_gah.solve(AssignmentProblem((problem,)), node_limit=limit)  # type: ignore[arg-type]


@pytest.mark.parametrize("limit", [True, "7", np.nan, -3, -np.inf, [1.0], 1j])
def test_time_limits_of_other_types_are_refused(limit: object) -> None:
    problem = conflicting(np.random.default_rng(0), 4)
    for solve in (dftsp.solve, reference.milp, lambda one, **limits: ot_gah.solve(AssignmentProblem((one,)), **limits)):
        with pytest.raises(ValueError, match="time_limit_s must be"):
            solve(problem, time_limit_s=limit)


@pytest.mark.compiled
def test_more_pairs_than_fit_in_memory_are_not_searched() -> None:
    problem = conflicting(np.random.default_rng(0), int(1.2 * MAX_PAIRS**0.5), equal_values=False)
    found = dftsp.solve(problem)
    assert not found.optimal
    assert found.nodes_visited == 0
    assert problem.feasible(found.selected)
    assert 0.0 < 0.5 * found.upper_bound < found.value < found.upper_bound


def as_lists(problem: BatchProblem) -> BatchProblem:
    return problem.replace(time_s=problem.time_s.tolist(), memory_bytes=np.int64(problem.memory_bytes * 10**6) / 10**6)


def as_float32(problem: BatchProblem) -> BatchProblem:
    return problem.replace(time_s=problem.time_s.astype(np.float32), value=np.ones(problem.request_count, np.int8))


def strided(problem: BatchProblem) -> BatchProblem:
    return problem.replace(kv_bytes=np.repeat(problem.kv_bytes, 2)[::2], budget_s=problem.budget_s[::-1])


@pytest.mark.compiled
def test_no_type_of_a_number_or_an_array_compiles_a_batch_solver_again() -> None:
    plain = conflicting(np.random.default_rng(0), 8, equal_values=False)
    solvers = (open_search, advance, assign)
    dftsp.solve(plain)
    ot_gah.solve(AssignmentProblem((plain,)))
    before = [len(solver.signatures) for solver in solvers]
    for change in (as_lists, as_float32, strided):
        for limits in ({"node_limit": np.int32(50)}, {"node_limit": 50, "time_limit_s": np.float32(9)}):
            dftsp.solve(change(plain), **limits, urgency=np.ones(8, np.int64))
            ot_gah.solve(AssignmentProblem((change(plain),)), order=np.array([1], np.int8), **limits)
    assert [len(solver.signatures) for solver in solvers] == before


@pytest.mark.compiled
def test_no_type_of_a_number_and_no_size_compiles_dto_ee_again() -> None:
    dto_ee.solve(random_network(np.random.default_rng(0), 3, (2, 2)))
    before = len(run_rounds.signatures)
    for sizes in ((1,), (1, 1), (2, 1), (3, 2, 1)):
        problem = random_network(np.random.default_rng(1), 1, sizes)
        dto_ee.solve(problem, max_rounds=np.int32(9), tolerance=np.float32(1e-2), level_count=np.int64(3))
        first = dto_ee.solve(problem, tolerance=1)
        dto_ee.solve(problem, first)
    assert len(run_rounds.signatures) == before
