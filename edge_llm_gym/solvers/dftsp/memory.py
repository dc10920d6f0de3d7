"""Work memory of the exact search: allocated once, and used by one search after the other.

A search among a few requests takes microseconds, and each small array 50 ns to allocate and a few more whenever its
references are counted. The arrays of a search are therefore views of this memory, which do without both.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_llm_gym.compiled import kernel, njit
from edge_llm_gym.compiled.views import view
from edge_llm_gym.problems.arrays import Flags, Floats, Ints, SmallInts
from edge_llm_gym.solvers.clock import CLOCK, Clock
from edge_llm_gym.solvers.dftsp.multipliers import Simplex
from edge_llm_gym.solvers.dftsp.search_state import DOMINANCE_LINKS, PROGRESS, Core, Items, PairWork, Search

MAX_PAIRS = 2**28
"""Pairs of a budget and a shared time that a search can have: their tables take ten bytes each."""
_MAX_ROWS = 5
"""Time, memory, uplink, downlink, and the least total of a tie-break."""


class SearchMemory(NamedTuple):
    """Memory of one search at a time, among up to N requests; what it holds between two searches is not read.

    An array of a search is the begin of a row of one of these, which are long enough for any of its kind.
    """

    request: Ints  # [N] the requests among which a search selects
    floats: Floats  # [24, N + 5] numbers of requests, distinct budgets, distinct shared times, or rows
    ints: Ints  # [14, N + 5]
    matrices: Floats  # [7, 5 * (N + 5)] numbers of rows and requests
    dominance: Ints  # [N * 2 * DOMINANCE_LINKS]
    small: SmallInts  # [2, N + 1]
    flags: Flags  # [4, N]
    bound: Floats  # [N^2, at most MAX_PAIRS] a number for each pair
    pair_flags: Flags  # [2, N^2, at most MAX_PAIRS]
    progress: NDArray[np.void]  # [1] of PROGRESS
    clock: Clock  # [1]


@njit(cache=True, no_cpython_wrapper=True)
def make_memory(n: int) -> SearchMemory:
    """Memory for searches among up to ``n`` requests; the tables of pairs take no memory before they are written."""
    length, pairs = n + _MAX_ROWS, min(n * n, MAX_PAIRS)
    return SearchMemory(
        np.empty(n, np.int64),
        np.empty((24, length)),
        np.empty((14, length), np.int64),
        np.empty((7, _MAX_ROWS * length)),
        np.empty(n * 2 * DOMINANCE_LINKS, np.int64),
        np.empty((2, n + 1), np.int8),
        np.empty((4, n), np.bool_),
        np.empty(pairs),
        np.empty((2, pairs), np.bool_),
        np.empty(1, PROGRESS),
        np.empty(1, CLOCK),
    )


@kernel
def items_in(memory: SearchMemory, rows: int, n: int) -> Items:
    """Arrays for what ``n`` requests bring, with so many rows."""
    return Items(
        view(memory.floats[0], (n,)),
        view(memory.matrices[0], (rows, n)),
        view(memory.floats[1], (rows,)),
        view(memory.floats[2], (n,)),
        view(memory.floats[3], (n,)),
    )


@kernel
def search_in(memory: SearchMemory, items: Items, budgets: int, shared_times: int, clock: Clock) -> Search:
    """A search among the ``items``, with so many distinct budgets and shared times; its arrays are not written.

    If there are more than MAX_PAIRS pairs, the tables of pairs are empty.
    """
    rows, n = items.usage.shape
    pairs = (budgets, shared_times) if budgets * shared_times <= MAX_PAIRS else (0, 0)
    return Search(
        items.profit,
        items.usage,
        items.capacity,
        view(memory.ints[0], (n,)),
        view(memory.ints[1], (n,)),
        view(memory.ints[2], (n,)),
        view(memory.floats[4], (budgets,)),
        view(memory.matrices[1], (rows, shared_times)),
        view(memory.floats[5], (shared_times,)),
        view(memory.ints[3], (budgets,)),
        view(memory.ints[4], (shared_times,)),
        view(memory.pair_flags[0], pairs),
        view(memory.ints[5], (budgets,)),
        view(memory.ints[6], (budgets,)),
        view(memory.bound, pairs),
        view(memory.pair_flags[1], pairs),
        view(memory.small[0], (n,)),
        view(memory.flags[0], (n,)),
        _simplex_in(memory, rows, n, clock),
        _core_in(memory, rows, n),
        _work_in(memory, rows, n, budgets, shared_times),
        view(memory.progress, (1,)),
    )


@kernel
def _simplex_in(memory: SearchMemory, rows: int, n: int, clock: Clock) -> Simplex:
    return Simplex(
        view(memory.ints[7], (rows,)),
        view(memory.matrices[2], (rows, rows)),
        view(memory.floats[6], (rows,)),
        view(memory.floats[7], (n,)),
        view(memory.ints[8], (1,)),
        clock,
        view(memory.floats[8], (rows,)),
        view(memory.flags[1], (n,)),
        view(memory.floats[9], (n,)),
        view(memory.ints[9], (n + rows,)),
        view(memory.floats[10], (n + rows,)),
        view(memory.floats[11], (rows,)),
        view(memory.floats[12], (rows,)),
    )


@kernel
def _core_in(memory: SearchMemory, rows: int, n: int) -> Core:
    return Core(
        view(memory.ints[10], (n,)),
        view(memory.floats[13], (n + 1,)),
        view(memory.matrices[3], (n + 1, rows)),
        view(memory.matrices[4], (n + 1, rows)),
        view(memory.matrices[5], (n + 1, rows)),
        view(memory.matrices[6], (n + 1, rows)),
        view(memory.floats[14], (n + 1,)),
        view(memory.small[1], (n + 1,)),
        view(memory.dominance, (n, 2, DOMINANCE_LINKS)),
        view(memory.flags[2], (n,)),
    )


@kernel
def _work_in(memory: SearchMemory, rows: int, n: int, budgets: int, shared_times: int) -> PairWork:
    return PairWork(
        view(memory.floats[15], (rows,)),
        view(memory.floats[16], (rows,)),
        view(memory.flags[3], (n,)),
        view(memory.ints[11], (n,)),
        view(memory.floats[17], (n,)),
        view(memory.ints[12], (n,)),
        view(memory.floats[18], (n,)),
        view(memory.floats[19], (shared_times,)),
        view(memory.floats[20], (shared_times,)),
        view(memory.floats[21], (budgets,)),
        view(memory.floats[22], (shared_times,)),
        view(memory.floats[23], (shared_times,)),
        view(memory.ints[13], (shared_times,)),
    )
