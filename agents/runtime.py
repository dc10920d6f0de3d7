"""How a process that learns uses its machine: one thread, and memory that it keeps."""

import ctypes
import sys

import torch as th

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
KEPT_BYTES = 1 << 30


def prepare(threads: int) -> None:
    """Sets PyTorch's threads, and has glibc keep freed memory: large arrays of a size come and go at every batch.

    On busy cores one thread is many times faster than two; giving pages back and asking for them again doubles the
    time of a batch.
    """
    th.set_num_threads(threads)
    if sys.platform == "linux":
        allocator = ctypes.CDLL(None)
        if hasattr(allocator, "mallopt"):
            allocator.mallopt(TRIM_THRESHOLD, KEPT_BYTES)
            allocator.mallopt(MMAP_THRESHOLD, KEPT_BYTES)
