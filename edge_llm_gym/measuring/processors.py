"""The device that is timed: its name, free memory, clock, and how a decode step is prepared for repetition."""

import os
import platform
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import torch as th

from edge_llm_gym.measuring.graphs import GraphRecorder, Step
from edge_llm_gym.names import known_name

DTYPES: Mapping[int, th.dtype] = MappingProxyType({16: th.bfloat16, 32: th.float32})
"""Bits of a weight -> type of weights, activations and KV cache."""


class Processor(Protocol):
    """A device that runs and times work."""

    kind: str
    """Name of the device in PyTorch."""
    name: str
    """Name of the device in the timings."""

    def free_bytes(self) -> float:
        """Memory in bytes that can be allocated."""
        ...

    def seconds(self, work: Step) -> float:
        """Runs the work to its end and returns the seconds that it took."""
        ...

    def prepare(self, step: Step) -> Step:
        """The step in the form in which it is repeated."""
        ...


class Cpu:
    """The processor of this machine, with a number of threads.

    With one thread, the clock is the CPU time of that thread, which excludes the time that other processes take; with
    more, it is wall time, and the machine should be idle.
    """

    kind = "cpu"

    def __init__(self, threads: int | None = None) -> None:
        """Sets the number of threads of PyTorch; by default it stays as it is."""
        if threads is not None:
            th.set_num_threads(threads)
        count = th.get_num_threads()
        self.name = f"{cpu_name()}, {count} thread{'s' if count > 1 else ''}"
        self._clock = time.thread_time if count == 1 else time.perf_counter

    def free_bytes(self) -> float:
        """Available memory of the machine in bytes."""
        return available_bytes()

    def seconds(self, work: Step) -> float:
        """Time of the work in s."""
        begin_s = self._clock()
        work()
        return self._clock() - begin_s

    def prepare(self, step: Step) -> Step:
        """The step itself."""
        return step


class Cuda:
    """The current CUDA device. Raises ValueError where there is none."""

    kind = "cuda"

    def __init__(self, threads: int | None = None, cuda: Any = th.cuda) -> None:
        """``cuda`` is `torch.cuda`, or a substitute with the same functions in a test without a GPU."""
        if not cuda.is_available():
            raise ValueError("no CUDA device is available to PyTorch: choose --device cpu, or install a CUDA build")
        if threads is not None:
            raise ValueError(f"the number of threads is a setting of the CPU, got {threads} for CUDA; leave it out")
        self._cuda, self.name = cuda, cuda.get_device_name()
        self.prepare: Callable[[Step], Step] = GraphRecorder(cuda)

    def free_bytes(self) -> float:
        """Free memory of the device in bytes."""
        self._cuda.empty_cache()
        return float(self._cuda.mem_get_info()[0])

    def seconds(self, work: Step) -> float:
        """Time in s between two events of the device around the work; what was queued before has ended."""
        begin, end = (self._cuda.Event(enable_timing=True) for _ in range(2))
        self._cuda.synchronize()
        begin.record()
        work()
        end.record()
        self._cuda.synchronize()
        return float(begin.elapsed_time(end)) / 1e3  # of milliseconds


PROCESSORS: Mapping[str, Callable[[int | None], Processor]] = MappingProxyType({"cpu": Cpu, "cuda": Cuda})


def make_processor(kind: str | None = None, threads: int | None = None) -> Processor:
    """The device "cpu" or "cuda"; by default CUDA where PyTorch sees a GPU. Raises ValueError for another name."""
    default = "cuda" if th.cuda.is_available() else "cpu"
    return PROCESSORS[known_name("device", kind or default, PROCESSORS)](threads)


def cpu_name(file: Path = Path("/proc/cpuinfo")) -> str:
    """Model name of the CPU from /proc/cpuinfo, else what the platform reports."""
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def available_bytes(file: Path = Path("/proc/meminfo")) -> float:
    """Available memory in bytes; where /proc is missing, the memory of the machine."""
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    for line in lines:
        if line.startswith("MemAvailable:"):
            return float(line.split()[1]) * 1024
    return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
