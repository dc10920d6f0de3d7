"""The single-node problem: feasibility by hand, subsets and replacements, validation."""

import pickle

import numpy as np
import pytest

from edge_llm_gym.problems import BatchProblem
from edge_llm_gym.problems.random_instances import FAMILIES

GOOD = {
    "time_s": [1.0, 2.0, 0.5],
    "shared_time_s": [0.5, 0.1, 2.0],
    "kv_bytes": [10.0, 20.0, 30.0],
    "uplink_share": [0.5, 0.5, 0.2],
    "downlink_share": [0.1, 0.1, 0.9],
    "budget_s": [4.0, 3.5, 9.0],
    "value": [1.0, 2.0, 4.0],
    "memory_bytes": 40.0,
    "time_cap_s": np.inf,
}


def chosen(*requests: int) -> np.ndarray:
    return np.isin(np.arange(3), requests)


def test_batch_time_is_the_sum_of_work_and_the_largest_shared_time():
    problem = BatchProblem(**GOOD)
    assert problem.batch_time_s(chosen(0, 1)) == 3.5
    assert problem.batch_time_s(chosen(1, 2)) == 4.5
    assert problem.batch_time_s(chosen()) == 0.0


@pytest.mark.parametrize(
    ("requests", "broken"),
    [
        ((), {}),
        ((0, 1), {}),  # 3.5 s within the tighter budget of 3.5 s, 30 bytes, shares 1.0 and 0.2
        ((0, 2), {}),  # 3.5 s, 40 bytes, shares 0.7 and 1.0: every limit met to the last bit
        ((1, 2), {"time_s": 1.0, "memory_bytes": 10.0}),
        ((0, 1, 2), {"time_s": 2.0, "memory_bytes": 20.0, "uplink_share": 0.2, "downlink_share": 0.1}),
    ],
)
def test_violations_by_hand(requests, broken):
    problem = BatchProblem(**GOOD)
    assert problem.violations(chosen(*requests)) == pytest.approx(broken)
    assert problem.feasible(chosen(*requests)) == (not broken)


def test_the_cap_binds_like_a_budget():
    problem = BatchProblem(**GOOD | {"time_cap_s": 3.0})
    assert problem.violations(chosen(0, 1)) == pytest.approx({"time_s": 0.5})


def test_objective_adds_values():
    assert BatchProblem(**GOOD).objective(chosen(0, 2)) == 5.0


def test_a_price_of_time_is_paid_for_the_whole_batch():
    problem = BatchProblem(**GOOD, time_price=0.5)
    assert problem.net_value.tolist() == [0.5, 1.0, 3.75]
    assert problem.objective(chosen(0, 2)) == 5.0 - 0.5 * (1.0 + 0.5 + 2.0)
    assert problem.objective(chosen()) == 0.0
    assert problem.subset(chosen(0, 2)).time_price == 0.5
    assert pickle.loads(pickle.dumps(problem)).time_price == 0.5
    with pytest.raises(ValueError, match=r"time_price must be .*got -1.0"):
        problem.replace(time_price=-1.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"time_s": [1.0, np.nan, 0.5]}, "time_s must be .* got nan at index 1"),
        ({"kv_bytes": [1.0, 2.0, -3.0]}, "kv_bytes must be .* got -3.0 at index 2"),
        ({"budget_s": [1.0, np.inf, 2.0]}, "budget_s must be .* got inf at index 1"),
        ({"value": [1.0, 2.0]}, "value must have shape"),
        ({"value": [[1.0, 2.0, 3.0]]}, "value must have shape"),
        ({"memory_bytes": np.nan}, "memory_bytes must be"),
        ({"memory_bytes": -1.0}, "memory_bytes must be"),
        ({"time_cap_s": -1.0}, "time_cap_s must be"),
    ],
)
def test_malformed_numbers_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        BatchProblem(**GOOD | change)


def test_no_requests_and_no_capacity_are_problems_too():
    empty = BatchProblem(**{key: [] if isinstance(value, list) else value for key, value in GOOD.items()})
    assert empty.request_count == 0
    assert empty.feasible(np.zeros(0, np.bool_))
    nothing = BatchProblem(**GOOD | {"memory_bytes": 0.0, "time_cap_s": 0.0})
    assert nothing.feasible(chosen())
    assert not nothing.feasible(chosen(0))


def test_a_selection_of_the_wrong_type_is_rejected():
    with pytest.raises(ValueError, match=r"bool array of shape \(3,\)"):
        BatchProblem(**GOOD).feasible(np.array([0, 1, 1]))


def test_arrays_are_read_only_copies_also_after_pickling():
    source = np.array(GOOD["value"])
    problem = pickle.loads(pickle.dumps(BatchProblem(**GOOD | {"value": source})))
    source[0] = 99.0
    assert problem.value[0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        problem.value[0] = 3.0


@pytest.mark.parametrize("requests", [np.array([True, False, True]), np.array([0, 2]), [0, 2]])
def test_a_subset_keeps_costs_values_and_limits(requests):
    problem = BatchProblem(**GOOD).subset(requests)
    assert problem.request_count == 2
    assert problem.value.tolist() == [1.0, 4.0]
    assert problem.budget_s.tolist() == [4.0, 9.0]
    assert problem.memory_bytes == 40.0
    assert problem.violations(np.ones(2, np.bool_)) == {}
    assert not problem.value.flags.writeable


def test_subsets_may_be_empty_and_keep_the_order_of_indices():
    problem = BatchProblem(**GOOD)
    assert problem.subset([]).request_count == 0
    assert problem.subset([2, 0]).value.tolist() == [4.0, 1.0]


def test_a_replacement_changes_the_named_fields_alone():
    problem = BatchProblem(**GOOD)
    other = problem.replace(value=[5.0, 6.0, 7.0], memory_bytes=1.0)
    assert other.value.tolist() == [5.0, 6.0, 7.0]
    assert not other.value.flags.writeable
    assert (other.memory_bytes, problem.memory_bytes) == (1.0, 40.0)
    assert other.time_s is problem.time_s
    assert problem.value.tolist() == GOOD["value"]


def test_replacing_all_arrays_may_change_the_number_of_requests():
    one = {name: value[:1] for name, value in GOOD.items() if isinstance(value, list)}
    assert BatchProblem(**GOOD).replace(**one).request_count == 1


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda problem: problem.replace(value=[1.0]), ValueError, "value must have shape"),
        (lambda problem: problem.replace(value=[1.0, 2.0, -1.0]), ValueError, "value must be .* got -1.0 at index 2"),
        (lambda problem: problem.replace(time_s=[1.0]), ValueError, "must have shape"),
        (lambda problem: problem.replace(worth=[1.0]), TypeError, "no field 'worth'"),
        (lambda problem: problem.subset([3]), ValueError, "indices from 0 to 2, got 3"),
        (lambda problem: problem.subset([-1]), ValueError, "indices from 0 to 2, got -1"),
        (lambda problem: problem.subset([0.5]), ValueError, "request indices, got dtype float64"),
        (lambda problem: problem.subset(np.array([True])), ValueError, r"bool array of shape \(3,\)"),
    ],
)
def test_invalid_replacements_and_subsets_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call(BatchProblem(**GOOD))


def test_feasible_alone_equals_the_check_of_every_single_request():
    rng = np.random.default_rng(0)
    for family in FAMILIES.values():
        problem = family(rng, 40)
        alone = [problem.feasible(single) for single in np.eye(40, dtype=np.bool_)]
        assert problem.feasible_alone().tolist() == alone
