"""Worker processes: where the jobs of a comparison run, and that workers end when their parent does."""

import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, TypeVar

JobT = TypeVar("JobT")
ResultT = TypeVar("ResultT")

WATCH_S: Final = 0.5
"""Time between two looks at the parent."""


def in_workers(
    function: Callable[[JobT], ResultT], jobs: Sequence[JobT], processes: int
) -> Generator[ResultT, None, None]:
    """Results of the function for all jobs, in the order in which they finish; each goes to a worker on its own.

    Function, jobs and results are pickled. Workers end when the iterator is closed and when this process ends, however
    that happens. Raises ImportError where joblib is missing.
    """
    try:
        from joblib import Parallel, delayed
    except ImportError as error:
        raise ImportError("jobs > 1 needs joblib: pip install 'edge-llm-gym[parallel]'") from error
    parallel = Parallel(
        n_jobs=processes,
        backend="loky",
        batch_size=1,
        return_as="generator_unordered",
        initializer=end_with_parent,
        initargs=(os.getpid(),),
    )
    with _without_ctrl_c():  # starts the workers
        results: Generator[ResultT, None, None] = parallel(delayed(function)(job) for job in jobs)
    try:
        while True:
            with _quietly():
                result = next(results)
            yield result
    except StopIteration:
        return
    finally:
        with _quietly():
            results.close()


@contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """Processes that are started in this block ignore SIGINT from their beginning on.

    Ctrl-C reaches all processes of a terminal; the workers leave it to their parent, which ends them.
    """
    if threading.current_thread() is not threading.main_thread():  # which alone can set handlers
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _quietly() -> Iterator[None]:
    """Without joblib's warning where jobs are left, which is intended."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*have been cancelled", category=UserWarning)
        yield


def end_with_parent(parent: int) -> None:
    """Makes this process end soon after the process `parent` has ended, however that ended. SIGTERM ends it at once."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(WATCH_S)
    os._exit(1)  # nothing is left to hand a result to
