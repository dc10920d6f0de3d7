"""Memory of the exact search: arrays apart from one another, and nothing left from the search before."""

from itertools import pairwise

import numpy as np
import pytest

from edge_llm_gym.compiled import njit
from edge_llm_gym.compiled.views import view
from edge_llm_gym.problems import AssignmentProblem
from edge_llm_gym.problems.batch import stacked
from edge_llm_gym.problems.random_instances import conflicting, heterogeneous_nodes
from edge_llm_gym.solvers import ot_gah
from edge_llm_gym.solvers.dftsp.memory import items_in, search_in
from edge_llm_gym.solvers.dftsp.scaling import servable_requests
from edge_llm_gym.solvers.dftsp.solver import best_batch, write_best_batch
from edge_llm_gym.solvers.ot_gah.oracle import Oracle
from edge_llm_gym.solvers.ot_gah.solver import assign
from tests.solvers.memories import search_memory, work_memory


@njit()
def parts_of(memory, rows, n, budgets, shared_times):
    items = items_in(memory, rows, n)
    return items, search_in(memory, items, budgets, shared_times, view(memory.clock, (1,)))


def arrays_of(record):
    """All arrays of a record and of the records in it."""
    return [each for part in record for each in (arrays_of(part) if isinstance(part, tuple) else [part])]


def span(array):
    """Addresses of the first byte and after the last one."""
    begin = array.__array_interface__["data"][0]
    return begin, begin + array.nbytes


@pytest.mark.parametrize(("n", "budgets", "shared_times"), [(1, 1, 1), (9, 9, 9), (9, 4, 2), (30, 30, 30)])
@pytest.mark.parametrize("rows", [4, 5])
def test_arrays_of_a_search_do_not_overlap_and_lie_in_the_memory(n, budgets, shared_times, rows):
    memory = search_memory(30)
    items, search = parts_of(memory, rows, n, budgets, shared_times)
    spans = sorted({span(array) for array in (*arrays_of(items), *arrays_of(search), memory.request)})
    assert len(spans) == len(arrays_of(search)) + 3  # budgets and shared times of the items, and the requests
    assert all(end <= begin for (_, end), (begin, _) in pairwise(spans))
    whole = [span(array) for array in memory]
    assert all(any(first <= begin and end <= last for first, last in whole) for begin, end in spans)


def spoil(record, rng):
    """Fill all arrays of a memory with numbers that another search may have left."""
    for array in record:
        for part in [array[name] for name in array.dtype.names or ()] or [array]:
            if part.dtype == np.float64:
                part[...] = np.where(rng.random(part.shape) < 0.5, np.nan, 3.0 * rng.random(part.shape))
            else:
                part[...] = rng.integers(2, size=part.shape)


@pytest.mark.parametrize("node_limit", [100_000, 3, 0])
def test_a_search_reads_nothing_that_the_one_before_has_left(node_limit):
    memory, tie_memory = search_memory(25), search_memory(25)
    urgent = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        problem = conflicting(rng, int(rng.integers(1, 26)), equal_values=bool(seed % 2))
        problem = problem.replace(time_price=0.1 if seed % 3 == 0 else 0.0)
        urgency = rng.integers(0, 1 + 2 * (seed % 4 > 0), problem.request_count).astype(float)
        options = problem.arrays(), problem.net_value, urgency
        request = np.empty(problem.request_count, np.int64)
        request = request[: servable_requests(*options[:2], request)]
        spoil(memory, rng)
        spoil(tie_memory, rng)
        selected = rng.random(problem.request_count) < 0.5
        found = write_best_batch(memory, tie_memory, *options, request, node_limit, np.inf, selected)
        expected = best_batch(*options, node_limit, np.inf)
        assert selected.tolist() == expected.selected.tolist()
        assert tuple(found) == tuple(expected[1:])
        urgent += urgency.any() and expected.nodes_visited > 3
    assert urgent > 10 or node_limit < 4


@pytest.mark.parametrize("node_limit", [100_000, 3])
def test_ot_gah_reads_nothing_that_the_problem_before_has_left(node_limit):
    count, nodes = 25, 3
    memory, prices, improved = search_memory(count), work_memory(nodes, count), 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        problem = heterogeneous_nodes(rng, int(rng.integers(1, count + 1)), nodes, equal_values=bool(seed % 2))
        if seed % 3 == 0:
            problem = AssignmentProblem(tuple(node.replace(time_price=0.05) for node in problem.nodes))
        arrays = stacked(problem.nodes)._replace(value=np.array([node.net_value for node in problem.nodes]))
        spoil(memory, rng)
        spoil(prices, rng)
        node = rng.integers(4, size=problem.request_count)
        oracle = Oracle(arrays, node_limit, np.inf, np.zeros(2, np.int64), memory)
        bound = assign(oracle, prices, np.arange(nodes), True, 8, node)
        expected = ot_gah.solve(problem, improve=True, node_limit=node_limit)
        assert node.tolist() == expected.node.tolist()
        assert max(bound, expected.value) == expected.upper_bound
        assert oracle.counters[0] == expected.nodes_visited
        improved += expected.value > ot_gah.solve(problem, node_limit=node_limit).value
    assert improved > 3


def test_ot_gah_keeps_no_answer_from_the_problem_before():
    """A problem that is solved again has the same queries, in one round of one for each node, and the same effort."""
    count, nodes, improved = 20, 3, 0
    memory, prices = search_memory(count), work_memory(nodes, count)
    for seed in range(10):
        problem = heterogeneous_nodes(np.random.default_rng(seed), count, nodes)
        counters = np.zeros(2, np.int64)
        oracle = Oracle(stacked(problem.nodes), 100_000, np.inf, counters, memory)
        efforts = []
        for _ in range(2):
            assign(oracle, prices, np.arange(nodes), True, 1, np.empty(count, np.int64))
            efforts.append(int(counters[0]))
            counters[0] = 0
        assert efforts[0] == efforts[1]
        improved += efforts[0] > ot_gah.solve(problem).nodes_visited
    assert improved > 3
