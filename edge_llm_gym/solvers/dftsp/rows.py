"""DFTSP on one node after the other, for the problems of many rows, in one compiled loop."""

import numpy as np

from edge_llm_gym.compiled import njit
from edge_llm_gym.problems.arrays import Floats, Ints
from edge_llm_gym.problems.rows import AssignmentRows, arrays_of, node_of
from edge_llm_gym.solvers.dftsp.solver import SEARCH_NODE_LIMIT, best_batch


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
    for row in range(len(node)):
        for index in range(rows.time_s.shape[2]):
            slots = np.flatnonzero(rows.visible[row] & (node[row] == 0))
            if slots.size > 0:
                problem = node_of(arrays_of(rows, row, slots), index)
                found = best_batch(problem, problem.value, urgency[row][slots], node_limit, np.inf)
                for place in range(slots.size):
                    if found.selected[place]:
                        node[row, slots[place]] = index + 1
