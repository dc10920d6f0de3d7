"""Settings of a training process: PyTorch threads, and an allocator that keeps freed memory."""

import ctypes
import sys

import torch as th

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
KEPT_BYTES = 1 << 30


def prepare_process(threads: int) -> None:
    """Sets PyTorch's threads and makes glibc keep freed memory, since every batch allocates large arrays of one size.

    On busy cores one thread is many times faster than two; returning pages to the system and requesting them again
    doubles the time of a batch.
    """
    th.set_num_threads(threads)
    if sys.platform == "linux":
        allocator = ctypes.CDLL(None)
        if hasattr(allocator, "mallopt"):
            allocator.mallopt(TRIM_THRESHOLD, KEPT_BYTES)
            allocator.mallopt(MMAP_THRESHOLD, KEPT_BYTES)
