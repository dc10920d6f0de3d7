"""Rows of a simulator, split over threads: kernels let other threads run, and rows do not depend on one another."""

import os
from collections.abc import Callable, Sequence
from functools import partial
from threading import Lock
from typing import Any, Final, NamedTuple, TypeVar

from edge_llm_gym.numeric import whole_number
from edge_llm_gym.sim.helper_threads import HelperThreads

MOST_THREADS: Final = 1024
Item = TypeVar("Item")


class Piece(NamedTuple):
    """Rows `first` to `last` - 1, which worker number `worker` computes with a work space of its own."""

    worker: int
    first: int
    last: int


class RowWorkers:
    """Computes something for all rows, in `threads` equal pieces at once; there are no more pieces than rows.

    `turn` is a lock for parts of the work that consist of short calls from Python: threads that make them at once hand
    the interpreter to each other at every call, which takes longer than the calls. Raises ValueError for a number of
    threads that is not from 1 to MOST_THREADS.
    """

    def __init__(self, rows: int, threads: int = 1) -> None:
        count = whole_number("num_threads", threads, 1, MOST_THREADS)
        self.pieces = _pieces(rows, min(count, rows))
        self._threads: HelperThreads | None = None
        self._process = os.getpid()
        self.turn = Lock()

    def run(self, work: Callable[[Piece], None]) -> None:
        """Calls `work` for every piece, the first one in this thread. Raises the first error after all have ended."""
        self._run(work, self.pieces)

    def share(self, items: Sequence[Item], work: Callable[[int, Sequence[Item]], None]) -> None:
        """Calls `work(worker, part)` for equal parts of some items, as `run` does for pieces of all rows.

        No part is empty, unless there is no item.
        """
        pieces = _pieces(len(items), min(len(self.pieces), max(len(items), 1)))
        self._run(lambda piece: work(piece.worker, items[piece.first : piece.last]), pieces)

    def split(self, rows: int, work: Callable[[slice], None]) -> None:
        """Calls `work(part)` for equal parts of a number of rows, as `run` does; not at all for no row."""
        if rows:
            self._run(lambda piece: work(slice(piece.first, piece.last)), _pieces(rows, min(len(self.pieces), rows)))

    def _run(self, work: Callable[[Piece], None], pieces: Sequence[Piece]) -> None:
        if len(pieces) == 1:
            work(pieces[0])
            return
        threads, self._threads = self._free_threads(), None
        first, *others = [partial(work, piece) for piece in pieces]
        try:
            threads.run(first, others)
        except Exception:
            self._threads = threads
            raise
        self._threads = threads

    def _free_threads(self) -> HelperThreads:
        """Threads without work, started on first use, by a fork of the process, which has none of its threads, and
        after an interruption (Ctrl-C), which leaves the work to them.
        """
        if self._threads is None or self._process != os.getpid():
            self._process = os.getpid()
            return HelperThreads(len(self.pieces) - 1)
        return self._threads

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "turn"} | {"_threads": None}

    def __setstate__(self, attributes: dict[str, Any]) -> None:
        self.__dict__.update(attributes)
        self.turn = Lock()


def _pieces(rows: int, count: int) -> list[Piece]:
    """A number of pieces that differ by one row at most."""
    edges = [rows * index // count for index in range(count + 1)]
    return [Piece(index, edges[index], edges[index + 1]) for index in range(count)]
