"""Rows of a simulator, split over threads: kernels let other threads run, and rows do not depend on one another."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, NamedTuple


class Piece(NamedTuple):
    """Rows `first` to `last` - 1, which worker number `worker` computes with a work space of its own."""

    worker: int
    first: int
    last: int


class RowWorkers:
    """Computes something for all rows, in `threads` equal pieces at once; there are no more pieces than rows.

    Raises ValueError for less than one thread.
    """

    def __init__(self, rows: int, threads: int = 1) -> None:
        if threads < 1:
            raise ValueError(f"rows need at least one thread, got {threads}")
        count = min(threads, rows)
        edges = [rows * index // count for index in range(count + 1)]
        self.pieces = [Piece(index, edges[index], edges[index + 1]) for index in range(count)]
        self._pool: ThreadPoolExecutor | None = None
        self._process = os.getpid()

    def run(self, work: Callable[[Piece], None]) -> None:
        """Calls `work` for every piece, the first one in this thread. Raises the first error after all have ended."""
        first, *others = self.pieces
        if not others:
            work(first)
            return
        futures = [self._threads().submit(work, piece) for piece in others]
        try:
            work(first)
        finally:
            wait(futures)
        for future in futures:
            future.result()

    def _threads(self) -> ThreadPoolExecutor:
        """The threads, started on first use; those of a process do not run in a fork of it."""
        if self._pool is None or self._process != os.getpid():
            self._pool = ThreadPoolExecutor(len(self.pieces) - 1, "rows")
            self._process = os.getpid()
        return self._pool

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_pool": None}
