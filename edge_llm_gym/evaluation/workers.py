"""Workers: the processes, of this machine or of a Ray cluster, in which jobs run."""

import warnings
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, TypeVar

from edge_llm_gym.evaluation.local_workers import local_options, without_ctrl_c
from edge_llm_gym.names import known_name

JobT = TypeVar("JobT")
ResultT = TypeVar("ResultT")

LOKY: Final = "loky"
RAY: Final = "ray"
ALL: Final = -1
"""As many jobs as there are CPUs."""


@dataclass(frozen=True)
class Workers:
    """Where jobs run; results do not depend on it, but for wall times.

    Args:
        jobs: number of jobs that run at once; -1 for one on each CPU of the machine, or of the Ray cluster.
        backend: "loky" for processes of this machine (extra "parallel"; a single job at once runs in this process
            itself), "ray" for the workers of a Ray cluster (extra "ray").
        address: address of a running Ray cluster, as for `ray.init`. By default that in the environment variable
            RAY_ADDRESS; without one, a cluster is started on this machine and ends with this process.

    Raises ValueError for other numbers and backends, and for an address without Ray.
    """

    jobs: int = 1
    backend: str = LOKY
    address: str | None = None

    def __post_init__(self) -> None:
        if self.jobs < 1 and self.jobs != ALL:
            raise ValueError(f"jobs is a number of at least 1, or {ALL} for all CPUs, got {self.jobs}")
        known_name("backend", self.backend, BACKENDS)
        if self.address is not None and self.backend != RAY:
            raise ValueError(
                f"only backend {RAY!r} takes the address of a cluster, got address {self.address!r} with backend "
                f"{self.backend!r}; choose backend {RAY!r}, or leave out the address"
            )

    @property
    def in_this_process(self) -> bool:
        """Whether jobs run in this process, one after the other."""
        return self.backend == LOKY and self.jobs == 1

    def count(self) -> int:
        """Number of jobs that run at once. Connects to the Ray cluster, or starts it; raises as `in_workers`."""
        return 1 if self.in_this_process else int(BACKENDS[self.backend](self)["n_jobs"])


Jobs = int | Workers
"""A number of processes of this machine, or workers."""


def workers_of(jobs: Jobs) -> Workers:
    """The workers that an argument `jobs` stands for. Raises ValueError as `Workers`."""
    return jobs if isinstance(jobs, Workers) else Workers(jobs)


def _ray_options(workers: Workers) -> dict[str, Any]:
    try:
        from edge_llm_gym.evaluation.ray_workers import ray_options
    except ImportError as error:
        raise ImportError(f"backend {RAY!r} needs Ray ({error}): pip install 'edge-llm-gym[ray]'") from error
    return ray_options(workers.jobs, workers.address)


BACKENDS: Final[Mapping[str, Callable[[Workers], dict[str, Any]]]] = MappingProxyType(
    {LOKY: lambda workers: local_options(workers.jobs), RAY: _ray_options}
)
"""Backend -> keyword arguments of joblib's `Parallel` for workers."""


def in_workers(
    function: Callable[[JobT], ResultT], jobs: Sequence[JobT], workers: Jobs
) -> Generator[ResultT, None, None]:
    """Results of the function for all jobs, in the order in which they finish; each job goes to a worker on its own.

    Function, jobs and results are pickled, except where the workers are this process. Processes of this machine end
    when the iterator is closed and when this process ends, however that happens; on a Ray cluster the jobs end.

    Raises ImportError where joblib or Ray is missing, and ValueError where no cluster answers.
    """
    chosen = workers_of(workers)
    if chosen.in_this_process or not jobs:
        return (function(job) for job in jobs)
    return _in_others(function, jobs, chosen)


def _in_others(
    function: Callable[[JobT], ResultT], jobs: Sequence[JobT], workers: Workers
) -> Generator[ResultT, None, None]:
    options = BACKENDS[workers.backend](workers)
    from joblib import Parallel, delayed

    parallel = Parallel(batch_size=1, return_as="generator_unordered", **options)
    with without_ctrl_c():  # starts the workers
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
def _quietly() -> Iterator[None]:
    """Without joblib's warning where jobs are left, which is intended."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*have been cancelled", category=UserWarning)
        yield
