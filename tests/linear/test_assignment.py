"""Batches under a price of node time, against all subsets of small problems."""

from itertools import product

import numpy as np
import pytest

from edge_llm_gym.decoding.batching import BatchingArrays
from edge_llm_gym.linear import assignment
from edge_llm_gym.linear.assignment import SEARCHES, assign
from edge_llm_gym.problems import BatchProblem
from edge_llm_gym.sim.row_workers import RowWorkers

FREE_S, FINE_S = 3.0, np.arange(0.0, 12.0, 0.125)


def rows_of(rng, requests=7, nodes=1, rows=3) -> BatchingArrays:
    """Problems in which time, memory and both bands bind."""
    pairs = (rows, requests, nodes)
    known = {
        "visible": rng.random((rows, requests)) < 0.8,
        "time_s": rng.uniform(0.2, 2.0, pairs),
        "shared_time_s": rng.uniform(0.5, 6.0, pairs),
        "kv_bytes": rng.uniform(1.0, 4.0, pairs),
        "uplink_share": rng.uniform(0.05, 0.5, pairs),
        "downlink_share": rng.uniform(0.05, 0.5, pairs),
        "budget_s": rng.uniform(3.0, 14.0, pairs),
        "busy_s": np.zeros((rows, nodes)),
        "free_kv_bytes": np.full((rows, nodes), 8.0),
    }
    blank = np.zeros((rows, requests))
    return BatchingArrays(**{name: known.get(name, blank) for name in BatchingArrays._fields})


def problem_of(rows: BatchingArrays, row: int, node: int, value) -> BatchProblem:
    shown = rows.visible[row]
    names = ("time_s", "shared_time_s", "kv_bytes", "uplink_share", "downlink_share", "budget_s")
    arrays = {name: getattr(rows, name)[row, shown, node] for name in names}
    room = float(rows.free_kv_bytes[row, node])
    return BatchProblem(**arrays, value=value[row, shown, node], memory_bytes=room, time_cap_s=np.inf)


def net(problem: BatchProblem, selected, price) -> float:
    return problem.objective(selected) - price * max(problem.batch_time_s(selected) - FREE_S, 0.0)


def best_net(problem: BatchProblem, price) -> float:
    subsets = (np.array(bits, np.bool_) for bits in product([False, True], repeat=problem.request_count))
    return max(net(problem, subset, price) for subset in subsets if problem.feasible(subset))


@pytest.mark.parametrize("price", [0.0, 0.1, 0.3, 1.0])
def test_one_node_is_within_a_step_of_the_best_net_value(price):
    rng = np.random.default_rng(5)
    gains = []
    for _ in range(15):
        rows = rows_of(rng)
        value = rng.uniform(0.5, 2.0, rows.time_s.shape)
        free_s, prices = np.full((3, 1), FREE_S), np.full((3, 1), price)
        node = assign(rows, value, free_s, prices, FINE_S)
        blind = assign(rows, value, free_s, np.zeros((3, 1)), FINE_S)
        for row in range(3):
            problem, shown = problem_of(rows, row, 0, value), rows.visible[row]
            assert not node[row, ~shown].any()
            selected = node[row, shown] == 1
            assert problem.feasible(selected)
            best = best_net(problem, price)
            assert best - price * 0.125 - 1e-6 <= net(problem, selected, price) <= best + 1e-9
            gains.append(net(problem, selected, price) - net(problem, blind[row, shown] == 1, price))
    assert price == 0.0 or np.mean(gains) > 0.01  # ignoring the price costs value


def test_several_nodes_keep_every_constraint_and_a_request_on_one_of_them():
    rng = np.random.default_rng(6)
    for _ in range(10):
        rows = rows_of(rng, requests=12, nodes=3)
        value = rng.uniform(0.5, 2.0, rows.time_s.shape)
        node = assign(rows, value, np.full((3, 3), FREE_S), np.full((3, 3), 0.2), np.array([0.0, 4.0]))
        assert node.max() <= 3
        for row, index in product(range(3), range(3)):
            problem, selected = problem_of(rows, row, index, value), node[row, rows.visible[row]] == index + 1
            assert problem.feasible(selected)
            assert problem.batch_time_s(selected) <= FREE_S + 4.0 + 1e-6


def test_empty_slots_are_not_assigned():
    rows = rows_of(np.random.default_rng(0))
    rows = rows._replace(visible=np.zeros_like(rows.visible))
    node = assign(rows, np.ones(rows.time_s.shape), np.full((3, 1), FREE_S), np.ones((3, 1)), np.array([0.0]))
    assert not node.any()


def test_a_later_turn_releases_a_request_that_is_worth_more_elsewhere():
    """The first node takes the only request that the second can serve well, and then leaves it."""
    rows = rows_of(np.random.default_rng(0), requests=2, nodes=2, rows=1)
    small = np.full((1, 2, 2), 0.1)
    rows = rows._replace(
        visible=np.ones((1, 2), np.bool_), time_s=small, shared_time_s=small, uplink_share=small, downlink_share=small,
        budget_s=np.full((1, 2, 2), 9.0), kv_bytes=np.array([[[6.0, 6.0], [6.0, 99.0]]]),
    )  # fmt: skip
    value = np.array([[[1.2, 1.5], [1.0, 1.0]]])
    node = assign(rows, value, np.full((1, 2), FREE_S), np.zeros((1, 2)), np.array([0.0]))
    np.testing.assert_array_equal(node, [[2, 1]])


@pytest.mark.parametrize("price", [0.0, 0.3, 1.0])
def test_the_quick_search_is_feasible_and_close_to_the_best_net_value(price):
    """Over 150 problems it keeps every constraint, never exceeds the best of all subsets and reaches 97 % of it."""
    rng = np.random.default_rng(7)
    found, best = [], []
    for _ in range(50):
        rows = rows_of(rng)
        value = rng.uniform(0.5, 2.0, rows.time_s.shape)
        node = assign(rows, value, np.full((3, 1), FREE_S), np.full((3, 1), price), FINE_S, "quick")
        for row in range(3):
            problem, shown = problem_of(rows, row, 0, value), rows.visible[row]
            assert not node[row, ~shown].any()
            selected = node[row, shown] == 1
            assert problem.feasible(selected)
            assert problem.batch_time_s(selected) <= FREE_S + FINE_S.max() + 1e-9
            found.append(net(problem, selected, price))
            best.append(best_net(problem, price))
    assert (np.array(found) <= np.array(best) + 1e-9).all()
    assert (np.array(found) >= 0.0).all()
    assert sum(found) > 0.97 * sum(best)


def test_the_quick_search_puts_a_request_on_one_node_and_keeps_what_it_has():
    rng = np.random.default_rng(8)
    totals = {"exact": 0.0, "quick": 0.0}
    for _ in range(20):
        rows = rows_of(rng, requests=12, nodes=3)
        value = rng.uniform(0.5, 2.0, rows.time_s.shape)
        for search in totals:
            node = assign(rows, value, np.full((3, 3), FREE_S), np.full((3, 3), 0.2), np.array([0.0, 4.0]), search)
            for row, index in product(range(3), range(3)):
                problem, selected = problem_of(rows, row, index, value), node[row, rows.visible[row]] == index + 1
                assert problem.feasible(selected)
                totals[search] += net(problem, selected, 0.2)
    assert 0.97 * totals["exact"] < totals["quick"]


@pytest.mark.parametrize("search", ["exact", "quick"])
def test_rows_on_several_threads_are_those_of_one(search, monkeypatch):
    rng = np.random.default_rng(9)
    rows = rows_of(rng, nodes=2, rows=6)
    arguments = rows, rng.uniform(0.5, 2.0, rows.time_s.shape), np.full((6, 2), FREE_S), np.full((6, 2), 0.2), FINE_S
    alone = assign(*arguments, search)
    sizes, run = [], SEARCHES[search]

    def noted(*given):
        sizes.append(len(given[-1]))
        run(*given)

    monkeypatch.setattr(assignment, "SEARCHES", {search: noted})
    np.testing.assert_array_equal(assign(*arguments, search, RowWorkers(4, 4)), alone)
    assert sorted(sizes) == [1, 1, 2, 2]
    assert alone.any()


def test_unknown_searches_are_refused():
    rows = rows_of(np.random.default_rng(0))
    with pytest.raises(ValueError, match="unknown search 'slow'"):
        assign(rows, np.ones(rows.time_s.shape), np.ones((3, 1)), np.ones((3, 1)), FINE_S, "slow")
