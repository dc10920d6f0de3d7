"""OT-GAH for the problems of many rows, in one compiled loop."""

import numpy as np

from edge_llm_gym.compiled import njit
from edge_llm_gym.problems.arrays import Flags, Ints
from edge_llm_gym.problems.rows import AssignmentRows, arrays_of
from edge_llm_gym.solvers.ot_gah.oracle import Oracle
from edge_llm_gym.solvers.ot_gah.solver import ORACLE_NODE_LIMIT, PRICE_ROUNDS, assign


def solve_rows(
    rows: AssignmentRows,
    *,
    improve: bool = False,
    rounds: int = PRICE_ROUNDS,
    node_limit: int = ORACLE_NODE_LIMIT,
) -> Ints:
    """Node [R, N] in 0..K of every slot; that of row i is the assignment of `solve` for the problem of row i.

    The options are those of `solve`; they are not checked.
    """
    node = np.zeros(rows.visible.shape, np.int64)
    _solve_rows(rows, improve, rounds, node_limit, node)
    return node


@njit(cache=True, no_cpython_wrapper=True)
def _true_places(visible: Flags, places: Ints) -> Ints:
    """The slots that hold a request: a part of ``places`` [N], which is written."""
    count = 0
    for slot in range(visible.size):
        if visible[slot]:
            places[count] = slot
            count += 1
    return places[:count]


@njit(cache=True, nogil=True)
def _solve_rows(rows: AssignmentRows, improve: bool, rounds: int, node_limit: int, node: Ints) -> None:
    order, places = np.empty(rows.time_s.shape[2], np.int64), np.empty(rows.visible.shape[1], np.int64)
    for index in range(order.size):
        order[index] = index
    for row in range(len(node)):
        slots = _true_places(rows.visible[row], places)
        if slots.size > 0:
            oracle = Oracle(arrays_of(rows, row, slots), node_limit, np.inf, np.zeros(2, np.int64))
            found = assign(oracle, order, improve, rounds)[0]
            for place in range(slots.size):
                node[row, slots[place]] = found[place]
