"""A scheduler that decides parts of the rows in several threads: compiled schedulers let other threads run."""

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.decoding.epoch_rows import EpochRows
from edge_llm_gym.experts.batch_expert import Assign
from edge_llm_gym.problems.rows import AssignmentRows
from edge_llm_gym.sim.row_workers import RowWorkers


class InThreads:
    """Splits rows over `threads` threads; assignments are those of the scheduler itself, since rows are independent."""

    def __init__(self, assign: Assign, threads: int) -> None:
        self._assign, self._workers = assign, RowWorkers(threads, threads)

    def __call__(self, epochs: EpochRows) -> Array:
        """Assignments [R, N]."""
        node = np.zeros(epochs.waiting_s.shape, np.int64)

        def decide(chosen: slice) -> None:
            node[chosen] = self._assign(_rows(epochs, chosen))

        self._workers.split(len(node), decide)
        return node


def _rows(epochs: EpochRows, chosen: slice) -> EpochRows:
    """Some of the rows, without copies."""
    arrays: dict[str, Array] = epochs.problem._asdict()
    problem = AssignmentRows(**{name: array[chosen] for name, array in arrays.items()})
    return EpochRows(problem, *(array[chosen] for array in epochs[1:]))


def in_threads(assign: Assign, num_threads: int = 1) -> Assign:
    """The scheduler, split over threads if there are several.

    Raises ValueError for a number of threads that is not from 1 to 1024.
    """
    several = InThreads(assign, num_threads)
    return assign if num_threads == 1 else several
