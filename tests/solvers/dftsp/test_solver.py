"""DFTSP on generated problems: exact results, valid bounds when stopped early, exact tie-breaks."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge_llm_gym.problems import BatchProblem
from edge_llm_gym.problems.random_instances import conflicting
from edge_llm_gym.solvers import dftsp, reference
from tests.solvers.problem_strategies import batch_problems, urgencies

MANY = settings(max_examples=250, deadline=None)
NOTHING = BatchProblem(*np.zeros((7, 0)), memory_bytes=0.0, time_cap_s=0.0)
FREE = BatchProblem(*np.zeros((6, 5)), value=np.ones(5), memory_bytes=0.0, time_cap_s=0.0)


def tolerance(problem: BatchProblem) -> float:
    """Totals closer than this count as equal."""
    return 1e-8 * problem.value.max(initial=0.0)


@given(batch_problems(most=10))
@example(NOTHING)
@example(FREE)
@MANY
def test_equals_brute_force(problem):
    found, best = dftsp.solve(problem), reference.brute_force(problem)
    assert problem.feasible(found.selected)
    assert found.value == problem.objective(found.selected) == found.upper_bound
    assert found.optimal
    assert abs(found.value - best.value) <= tolerance(problem)


@given(batch_problems(), st.integers(0, 12))
@MANY
def test_a_search_stopped_early_gives_valid_bounds(problem, node_limit):
    found, best = dftsp.solve(problem, node_limit=node_limit), reference.brute_force(problem)
    assert problem.feasible(found.selected)
    assert found.nodes_visited <= node_limit
    assert found.value <= best.value + tolerance(problem)
    assert best.value <= found.upper_bound + tolerance(problem)
    if found.optimal:
        assert abs(found.value - best.value) <= tolerance(problem)


@given(batch_problems(most=7), st.data())
@MANY
def test_ties_are_broken_by_urgency(problem, data):
    urgency = data.draw(urgencies(problem.request_count))
    plain, found = dftsp.solve(problem), dftsp.solve(problem, urgency=urgency)
    assert problem.feasible(found.selected)
    assert found.value == pytest.approx(plain.value, abs=tolerance(problem))
    assert found.tie_break_optimal
    assert urgency[found.selected].sum() == pytest.approx(most_urgency(problem, urgency, plain.value), abs=1e-8)


def most_urgency(problem: BatchProblem, urgency: np.ndarray, value: float) -> float:
    """By enumeration of all sets of requests of positive value."""
    sets = (np.array(chosen, np.bool_) for chosen in product([False, True], repeat=problem.request_count))
    equals = (
        urgency[chosen].sum()
        for chosen in sets
        if problem.objective(chosen) >= value - tolerance(problem)
        and not (chosen & (problem.value == 0)).any()
        and problem.feasible(chosen)
    )
    return max(equals, default=0.0)


@given(batch_problems(most=14), st.randoms(use_true_random=False))
@MANY
def test_neither_order_nor_units_matter(problem, random):
    order = np.array(random.sample(range(problem.request_count), problem.request_count), np.int64)
    other = BatchProblem(
        time_s=1e3 * problem.time_s[order],
        shared_time_s=1e3 * problem.shared_time_s[order],
        kv_bytes=1e9 * problem.kv_bytes[order],
        uplink_share=problem.uplink_share[order],
        downlink_share=problem.downlink_share[order],
        budget_s=1e3 * problem.budget_s[order],
        value=0.25 * problem.value[order],
        memory_bytes=1e9 * problem.memory_bytes,
        time_cap_s=1e3 * problem.time_cap_s,
    )
    assert 4 * dftsp.solve(other).value == pytest.approx(dftsp.solve(problem).value, abs=4 * tolerance(problem))


@pytest.mark.parametrize("n", [50, 100, 200])
def test_requests_that_differ_only_in_value_do_not_stall_the_search(n):
    rng = np.random.default_rng(n)
    problem = conflicting(rng, n, equal_values=False)
    names = ("time_s", "shared_time_s", "kv_bytes", "uplink_share", "downlink_share", "budget_s")
    problem = replace(problem, **{name: np.full(n, getattr(problem, name)[0]) for name in names})
    largest = int(np.argmin([problem.feasible(np.arange(n) < size) for size in range(n + 1)])) - 1
    found = dftsp.solve(problem, node_limit=100_000)
    assert found.optimal
    assert found.value == pytest.approx(np.sort(problem.value)[-largest:].sum())


def test_long_searches_that_compare_requests_stay_exact():
    # Values close to the used memory leave all requests open; small integer costs make many of them dominated.
    for seed in range(20):
        rng = np.random.default_rng(seed)
        kv_bytes, time_s, uplink = rng.integers([[20], [1], [1]], [[30], [3], [3]], (3, 18)).astype(float)
        problem = BatchProblem(
            time_s=time_s,
            shared_time_s=np.zeros(18),
            kv_bytes=kv_bytes,
            uplink_share=uplink / (0.55 * uplink.sum()),
            downlink_share=np.zeros(18),
            budget_s=np.full(18, 16.0),
            value=kv_bytes + 1e-3 * rng.random(18),
            memory_bytes=np.floor(kv_bytes.sum() / 2) + 0.5,
            time_cap_s=np.inf,
        )
        found = dftsp.solve(problem, urgency=rng.integers(0, 2, 18))
        assert found.nodes_visited > 5000
        assert problem.feasible(found.selected)
        assert found.optimal
        assert found.value == pytest.approx(reference.brute_force(problem).value, abs=1e-7)


def test_limits_end_the_search_and_are_reported():
    problem = conflicting(np.random.default_rng(1), 60, equal_values=False)
    exact = dftsp.solve(problem)
    for limits in ({"node_limit": 2}, {"time_limit_s": 0.0}):
        cut = dftsp.solve(problem, **limits)
        assert not cut.optimal
        assert cut.value <= exact.value <= cut.upper_bound
    within = dftsp.solve(problem, time_limit_s=60.0)
    assert within.optimal
    assert within.value == exact.value


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"node_limit": -1}, "node_limit must be zero or more, got -1"),
        ({"time_limit_s": -0.5}, "time_limit_s must be zero or more, got -0.5"),
        ({"time_limit_s": np.nan}, "time_limit_s must be zero or more, got nan"),
        ({"urgency": [1.0]}, "urgency must hold 5 finite numbers"),
        ({"urgency": [1.0, 1.0, np.nan, 0.0, 0.0]}, "urgency must hold 5 finite numbers"),
        ({"urgency": [1.0, 1.0, -1.0, 0.0, 0.0]}, "urgency must hold 5 finite numbers"),
    ],
)
def test_malformed_settings_are_named(settings_, message):
    with pytest.raises(ValueError, match=message):
        dftsp.solve(FREE, **settings_)
