"""Worker processes of this machine, which end when their parent does."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

WATCH_S: Final = 0.5
"""Time between two looks at the parent."""


def local_options(jobs: int) -> dict[str, Any]:
    """Keyword arguments of joblib's `Parallel` for so many processes, -1 for one on each CPU.

    Raises ImportError where joblib is missing.
    """
    try:
        from joblib import cpu_count
    except ImportError as error:
        raise ImportError("jobs > 1 needs joblib: pip install 'edge-llm-gym[parallel]'") from error
    return {
        "n_jobs": cpu_count() if jobs == -1 else jobs,
        "backend": "loky",
        "initializer": end_with_parent,
        "initargs": (os.getpid(),),
    }


@contextmanager
def without_ctrl_c() -> Iterator[None]:
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


def end_with_parent(parent: int) -> None:
    """Makes this process end soon after the process `parent` has ended, however that ended. SIGTERM ends it at once."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(WATCH_S)
    os._exit(1)  # nothing is left to hand a result to
