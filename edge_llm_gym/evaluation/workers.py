"""Worker processes: where the jobs of a comparison run, and that workers end when their parent does."""

import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Final, TypeVar

from edge_llm_gym.interrupts import SIGNALS

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
    results: Iterable[ResultT] = parallel(delayed(function)(job) for job in jobs)
    yield from results


def end_with_parent(parent: int) -> None:
    """Makes this process end soon after the process `parent` has ended.

    Ctrl-C reaches all processes of a terminal; a worker leaves it to the parent, which ends its workers.
    """
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN if number == signal.SIGINT else signal.SIG_DFL)
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(WATCH_S)
    os._exit(1)  # nothing is left to hand a result to
