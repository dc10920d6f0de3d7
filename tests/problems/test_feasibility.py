"""Insertion of one request into a batch: equal to the feasibility check of the problem, and exact without tolerance."""

import numpy as np
import pytest

from edge_llm_gym.problems.feasibility import (
    BOUNDED,
    COST_FIELDS,
    KV_USAGE,
    RELATIVE_TOLERANCE,
    RESOURCE_COUNT,
    Resource,
    add,
    batch_time_with,
    fits,
    fitting_nodes,
    within_limit,
)
from edge_llm_gym.problems.random_instances import FAMILIES


def test_columns_are_consecutive_and_named_once() -> None:
    assert [resource.value for resource in Resource] == list(range(RESOURCE_COUNT))
    assert BOUNDED[KV_USAGE] is Resource.KV


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_insertion_equals_the_feasibility_check_of_the_problem(family: str) -> None:
    rng = np.random.default_rng(3)
    accepted = rejected = 0
    for _ in range(30):
        problem = FAMILIES[family](rng, 12)
        cost = np.stack([getattr(problem, name) for name in COST_FIELDS], axis=-1)
        capacity = np.array([np.inf, np.inf, problem.memory_bytes, 1.0, 1.0])
        used, limit_s, selected = np.zeros(RESOURCE_COUNT), problem.time_cap_s, np.zeros(12, np.bool_)
        for request in range(12):
            selected[request] = True
            request_limit_s = min(limit_s, problem.budget_s[request])
            fitting = fits(used, cost[request], capacity, request_limit_s, RELATIVE_TOLERANCE)
            assert fitting == problem.feasible(selected)
            selected[request] = fitting
            if fitting:
                add(used, cost[request])
                limit_s = request_limit_s
        assert batch_time_with(used, np.zeros(RESOURCE_COUNT)) == pytest.approx(problem.batch_time_s(selected))
        accepted, rejected = accepted + selected.sum(), rejected + (~selected).sum()
    assert accepted > 0
    assert rejected > 0


@pytest.mark.parametrize("resource", BOUNDED)
def test_only_the_tolerance_accepts_a_rounding_error(resource: Resource) -> None:
    used, cost, capacity = np.zeros(RESOURCE_COUNT), np.zeros(RESOURCE_COUNT), np.ones(RESOURCE_COUNT)
    used[resource], cost[resource], capacity[resource] = 0.1, 0.2, 0.3  # 0.1 + 0.2 > 0.3 in binary numbers
    assert fits(used, cost, capacity, 1.0, RELATIVE_TOLERANCE)
    assert not fits(used, cost, capacity, 1.0, 0.0)


def test_the_time_limit_binds_the_sum_of_work_and_longest_shared_time() -> None:
    used, cost = np.array([1.0, 2.0, 0.0, 0.0, 0.0]), np.array([0.5, 3.0, 0.0, 0.0, 0.0])
    assert batch_time_with(used, cost) == 4.5
    assert fits(used, cost, np.ones(RESOURCE_COUNT), 4.5, 0.0)
    assert not fits(used, cost, np.ones(RESOURCE_COUNT), np.nextafter(4.5, 0.0), 0.0)


def test_fitting_nodes_checks_each_node_by_itself() -> None:
    used, cost = np.zeros((3, RESOURCE_COUNT)), np.full((3, RESOURCE_COUNT), 0.25)
    used[1, Resource.UPLINK], cost[2, Resource.DOWNLINK] = 0.8, np.inf
    fitting = fitting_nodes(used, cost, np.ones((3, RESOURCE_COUNT)), np.array([0.5, 9.0, 9.0]), 0.0)
    assert fitting.tolist() == [True, False, False]


def test_limits_apply_to_numbers_and_arrays() -> None:
    assert within_limit(1.0, 1.0)
    assert within_limit(np.array([1.0, 1.0 + 5e-10, 1.1]), 1.0).tolist() == [True, True, False]
    assert within_limit(np.array([1.0, 1.0 + 5e-10]), 1.0, 0.0).tolist() == [True, False]
