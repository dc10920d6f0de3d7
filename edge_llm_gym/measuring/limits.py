"""What the device reaches at best: FLOP/s of a large matrix product, bytes/s of a copy."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import torch as th

from edge_llm_gym.measuring.graphs import Step
from edge_llm_gym.measuring.processors import DTYPES, Processor

REPEATS = 7


class Limits(NamedTuple):
    """Rates of the device."""

    matrix_size: int
    """Rows and columns of the square matrices."""
    flops: float
    """FLOP/s of a product of square matrices."""
    bytes_per_s: float
    """Bytes read and written per second by a copy."""


MATRIX_SIZES: Mapping[str, int] = MappingProxyType({"cpu": 1024, "cuda": 8192})
"""Kind of device -> rows of a square matrix, large enough to reach the limit."""
COPIED_BYTES = 2**28
"""More than any cache holds."""


def measure_limits(processor: Processor, bits: int) -> Limits:
    """The limits of the device for numbers of ``bits``."""
    size = MATRIX_SIZES[processor.kind]
    product_s = _median(_product(processor.kind, size, bits), processor.seconds)
    copy_s = _median(_copy(processor.kind, COPIED_BYTES), processor.seconds)
    return Limits(size, 2 * size**3 / product_s, 2 * COPIED_BYTES / copy_s)


def _product(kind: str, size: int, bits: int) -> Step:
    left, right, result = (th.ones(size, size, dtype=DTYPES[bits], device=kind) for _ in range(3))
    return lambda: _drop(th.mm(left, right, out=result))


def _copy(kind: str, size: int) -> Step:
    source, target = (th.ones(size, dtype=th.uint8, device=kind) for _ in range(2))
    return lambda: _drop(target.copy_(source))


def _drop(_: th.Tensor) -> None:
    """Makes a step of a function that returns a tensor."""


def _median(work: Step, seconds: Callable[[Step], float]) -> float:
    """Median seconds of a work after one run that is not counted."""
    seconds(work)
    return sorted(seconds(work) for _ in range(REPEATS))[REPEATS // 2]
