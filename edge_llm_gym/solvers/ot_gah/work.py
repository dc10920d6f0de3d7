"""Work memory of OT-GAH: allocated once, and used for one problem after the other."""

from typing import NamedTuple

import numpy as np

from edge_llm_gym.compiled import kernel, njit
from edge_llm_gym.compiled.views import view
from edge_llm_gym.problems.arrays import Flags, Floats, Ints


class KnownAnswers(NamedTuple):
    """The last query of every node in `reoptimise`, and its answer."""

    profit: Floats  # [K, N] the query
    selected: Flags  # [K, N] the answer
    total: Floats  # [K] of the answer
    proved: Flags  # [K] whether the search had ended, so that it would give the same answer again


class Work(NamedTuple):
    """Arrays for K nodes and N requests; none is read before it is written."""

    candidate: Ints  # [N] an assignment
    order: Ints  # [K] nodes
    price: Floats  # [N] of each request
    subgradient: Floats  # [N]
    elsewhere: Floats  # [N] value of each request where it is now
    profit: Floats  # [N] of a query
    present: Flags  # [N] requests of a node
    chosen: Flags  # [N] answer of a query
    selected: Flags  # [K, N] batches of all nodes
    known: KnownAnswers
    scaled: Floats  # [K * N] values in units of the greatest


class WorkMemory(NamedTuple):
    """Memory of the work for K nodes and up to N requests."""

    ints: Ints  # [N]
    order: Ints  # [K]
    floats: Floats  # [4, N]
    flags: Flags  # [2, N]
    selected: Flags  # [2, K * N]
    numbers: Floats  # [2, K * N]
    total: Floats  # [K]
    proved: Flags  # [K]


@njit(cache=True, no_cpython_wrapper=True)
def make_work_memory(nodes: int, n: int) -> WorkMemory:
    """Memory for so many nodes and up to ``n`` requests."""
    return WorkMemory(
        np.empty(n, np.int64),
        np.empty(nodes, np.int64),
        np.empty((4, n)),
        np.empty((2, n), np.bool_),
        np.empty((2, nodes * n), np.bool_),
        np.empty((2, nodes * n)),
        np.empty(nodes),
        np.empty(nodes, np.bool_),
    )


@kernel
def work_in(memory: WorkMemory, n: int) -> Work:
    """The work for ``n`` requests."""
    nodes = memory.order.size
    return Work(
        view(memory.ints, (n,)),
        view(memory.order, (nodes,)),
        view(memory.floats[0], (n,)),
        view(memory.floats[1], (n,)),
        view(memory.floats[2], (n,)),
        view(memory.floats[3], (n,)),
        view(memory.flags[0], (n,)),
        view(memory.flags[1], (n,)),
        view(memory.selected[0], (nodes, n)),
        KnownAnswers(
            view(memory.numbers[0], (nodes, n)),
            view(memory.selected[1], (nodes, n)),
            view(memory.total, (nodes,)),
            view(memory.proved, (nodes,)),
        ),
        view(memory.numbers[1], (nodes * n,)),
    )
