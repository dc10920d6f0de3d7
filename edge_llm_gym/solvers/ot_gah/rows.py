"""OT-GAH for the problems of many rows, in one compiled loop."""

import numpy as np

from edge_llm_gym.compiled import njit
from edge_llm_gym.problems.arrays import Ints
from edge_llm_gym.problems.rows import AssignmentRows, arrays_of, waiting_slots
from edge_llm_gym.solvers.dftsp.memory import make_memory
from edge_llm_gym.solvers.ot_gah.oracle import Oracle
from edge_llm_gym.solvers.ot_gah.solver import ORACLE_NODE_LIMIT, PRICE_ROUNDS, assign
from edge_llm_gym.solvers.ot_gah.work import make_work_memory


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


@njit(cache=True, nogil=True)
def _solve_rows(rows: AssignmentRows, improve: bool, rounds: int, node_limit: int, node: Ints) -> None:
    count, nodes = node.shape[1], rows.time_s.shape[2]
    memory, work_memory = make_memory(count), make_work_memory(nodes, count)
    order, places, found = np.arange(nodes), np.empty(count, np.int64), np.empty(count, np.int64)
    for row in range(len(node)):
        slots = places[: waiting_slots(rows.visible[row], node[row], places)]
        if slots.size > 0:
            oracle = Oracle(arrays_of(rows, row, slots), node_limit, np.inf, np.zeros(2, np.int64), memory)
            assign(oracle, work_memory, order, improve, rounds, found[: slots.size])
            for place in range(slots.size):
                node[row, slots[place]] = found[place]
