"""Work memory for parts of the solvers that tests call on their own."""

import numpy as np

from edge_llm_gym.compiled import njit
from edge_llm_gym.solvers.dftsp.memory import make_memory
from edge_llm_gym.solvers.dftsp.scaling import open_search
from edge_llm_gym.solvers.ot_gah.work import make_work_memory, work_in


@njit()
def search_memory(n):
    """Memory of the exact search; a search among up to `n` requests is valid as long as this."""
    return make_memory(n)


@njit()
def opened(memory, request, problem, profit):
    """The search of `open_search` without a deadline. A kernel itself cannot return views to Python."""
    return open_search(memory, request, problem, profit, np.inf)


@njit()
def work_memory(nodes, n):
    """Memory of OT-GAH."""
    return make_work_memory(nodes, n)


@njit()
def work_of(memory, n):
    """The work for `n` requests."""
    return work_in(memory, n)
