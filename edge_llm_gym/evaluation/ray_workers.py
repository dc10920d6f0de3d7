"""Workers of a Ray cluster: a backend of joblib that runs each job as a Ray task.

The backend that Ray itself registers with joblib gives jobs to a fixed set of actors in turn, however long each takes,
and hands out results when all jobs have finished. Tasks go to any CPU of the cluster that is free, are repeated if
their machine fails, and each result can be stored as soon as it is there.
"""

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import ray
from joblib.parallel import ParallelBackendBase
from ray import cloudpickle

from edge_llm_gym.evaluation.local_workers import without_ctrl_c
from edge_llm_gym.evaluation.worker_code import WorkerCode

ADDRESS: Final = "RAY_ADDRESS"
"""Environment variable in which Ray's own commands expect the address of a cluster."""
LOCAL: Final = "local"
OBJECT_STORE_BYTES: Final = 2**28
"""Shared memory of a local cluster; jobs and results are small."""
LOCAL_SETTINGS: Final = {"RAY_agent_register_timeout_ms": "120000", "RAY_worker_niceness": "0"}
"""Settings of Ray for a busy machine, where its own processes would not start in time and its workers starve."""


def ray_options(jobs: int, address: str | None) -> dict[str, Any]:
    """Keyword arguments of joblib's `Parallel` for so many tasks at once, -1 for one on each CPU of the cluster.

    Connects to the cluster, or starts one; raises ValueError where none answers at the address.
    """
    connect(address)
    count = int(ray.cluster_resources()["CPU"]) if jobs == -1 else jobs
    return {"n_jobs": count, "pre_dispatch": count, "backend": RayTasks()}


class RayTasks(ParallelBackendBase):  # type: ignore[misc]  # joblib has no types
    """Runs the batches of joblib as Ray tasks, each on a CPU of its own."""

    supports_retrieve_callback = True

    def __init__(self) -> None:
        super().__init__(nesting_level=0)
        self._task = ray.remote(num_cpus=1)(run_task)
        self._code = ray.put(WorkerCode.here())
        self._pending: set[Any] = set()

    def effective_n_jobs(self, n_jobs: int) -> int:
        """At least two, since joblib runs the jobs of a single worker in this process; `pre_dispatch` limits them."""
        return max(n_jobs, 2)

    def submit(self, func: Callable[[], Any], callback: Callable[[Any], None]) -> Any:
        """Starts a task, and returns its future; the callback is called with it when the task is done."""
        reference = self._task.remote(self._code, cloudpickle.dumps(func))
        self._pending.add(reference)
        future = reference.future()
        future.add_done_callback(lambda done: self._pending.discard(reference))
        future.add_done_callback(callback)
        return future

    def retrieve_result_callback(self, future: Any) -> Any:
        """The results of the batch. Raises what a job raised."""
        results, error = future.result()
        if error is not None:
            raise error
        return results

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """Ends the tasks that are left, also those that run."""
        for reference in tuple(self._pending):
            ray.cancel(reference, force=True)


def run_task(code: WorkerCode, batch: bytes) -> tuple[list[Any] | None, Exception | None]:
    """Runs a batch on a worker: its results, or the error of a job, which Ray would give a traceback in its message."""
    try:
        code.prepare()
        return cloudpickle.loads(batch)(), None
    except Exception as error:
        return None, error


_connected: str | None = None
"""Address of the cluster that this process was connected to by `connect`."""


def connect(address: str | None) -> None:
    """Connects this process to a cluster: the one at the address or in RAY_ADDRESS, or one that is started here.

    A connection that this process has already is kept. Raises ValueError where no cluster answers, and for another
    address than that of the connection.
    """
    global _connected
    target = address or os.environ.get(ADDRESS) or LOCAL
    if ray.is_initialized():
        if address is not None and target != _connected:
            raise ValueError(
                f"this process is connected to another Ray cluster ({_connected or 'by ray.init'}), got address "
                f"{address!r}; leave the address out, or call ray.shutdown() first"
            )
        return
    with _own_signals():
        _initialise(target)
    _connected = target


def _initialise(target: str) -> None:
    if target == LOCAL:
        for name, value in LOCAL_SETTINGS.items():
            os.environ.setdefault(name, value)
        ray.init(LOCAL, object_store_memory=OBJECT_STORE_BYTES, include_dashboard=False, logging_level=logging.WARNING)
        return
    try:
        ray.init(target, logging_level=logging.WARNING)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise ValueError(
            f"no Ray cluster answers at address {target!r} ({error}); start one with `ray start --head`, or leave the "
            f"address out to run on this machine"
        ) from error


@contextmanager
def _own_signals() -> Iterator[None]:
    """Ray's processes ignore Ctrl-C, and this process keeps its handler of SIGTERM, which Ray replaces."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        with without_ctrl_c():
            yield
    finally:
        signal.signal(signal.SIGTERM, before)
