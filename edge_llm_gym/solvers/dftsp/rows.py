"""DFTSP on one node after the other, for the problems of many rows, in one compiled loop."""

import numpy as np

from edge_llm_gym.compiled import kernel, njit
from edge_llm_gym.compiled.views import view
from edge_llm_gym.problems.arrays import Flags, Floats, Ints
from edge_llm_gym.problems.batch import BatchArrays
from edge_llm_gym.problems.rows import AssignmentRows, arrays_of, node_of, waiting_slots
from edge_llm_gym.solvers.dftsp.memory import SearchMemory, make_memory
from edge_llm_gym.solvers.dftsp.scaling import servable_requests
from edge_llm_gym.solvers.dftsp.solver import SEARCH_NODE_LIMIT, write_best_batch


def solve_node_by_node(rows: AssignmentRows, urgency: Floats, *, node_limit: int = SEARCH_NODE_LIMIT) -> Ints:
    """Node [R, N] in 0..K of every slot: each node selects the best batch of the requests that are left, in order.

    The batch is that of `solve` with the ``urgency`` [R, N] of the requests. ``node_limit`` limits each search; it is
    not checked.
    """
    node = np.zeros(rows.visible.shape, np.int64)
    _solve_rows(rows, np.ascontiguousarray(urgency, np.float64), node_limit, node)
    return node


@njit(cache=True, nogil=True)
def _solve_rows(rows: AssignmentRows, urgency: Floats, node_limit: int, node: Ints) -> None:
    count = node.shape[1]
    memories, places = (make_memory(count), make_memory(count)), np.empty(count, np.int64)
    for row in range(len(node)):
        for index in range(rows.time_s.shape[2]):
            slots = places[: waiting_slots(rows.visible[row], node[row], places)]
            if slots.size > 0:
                problems, selected = arrays_of(rows, row, slots), np.empty(slots.size, np.bool_)
                _solve_node(*memories, problems, index, urgency[row][slots], node_limit, selected)
                for place in range(slots.size):
                    if selected[place]:
                        node[row, slots[place]] = index + 1


@kernel
def _solve_node(
    memory: SearchMemory,
    tie_memory: SearchMemory,
    problems: BatchArrays,
    index: int,
    urgency: Floats,
    node_limit: int,
    selected: Flags,
) -> None:
    """Write which of the requests [n] are in the best batch of a node."""
    problem = node_of(problems, index)
    profit, requests = problem.value, memory.request
    request = view(requests, (servable_requests(problem, profit, requests),))
    write_best_batch(memory, tie_memory, problem, profit, urgency, request, node_limit, np.inf, selected)
