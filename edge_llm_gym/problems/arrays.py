"""Names of the array types in problems and solvers; compiled kernels use them as annotations, which numba ignores.

Kernels are compiled for one type and memory layout of each array: what users give is converted to it.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_llm_gym.messages import quoted

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
SmallInts = NDArray[np.int8]
Flags = NDArray[np.bool_]


def real_numbers(name: str, raw: Any, order: Any = "C") -> Floats:
    """A float64 copy of real numbers, in one memory layout.

    Raises ValueError, which names them, for text, complex numbers, dates, and nested lists of unequal lengths.
    """
    if isinstance(raw, np.ndarray) and raw.dtype == np.float64:
        return np.array(raw, order=order)
    try:
        array = np.asarray(raw)
        if array.dtype.kind not in "fiubO" or (array.dtype.kind == "O" and _holds_text(array)):
            raise TypeError
        with np.errstate(over="ignore"):  # of numbers beyond the range of float64, which become infinite
            return array.astype(np.float64, order=order)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name} must hold real numbers, got {quoted(raw)} of type {type(raw).__name__}") from None


def _holds_text(array: NDArray[Any]) -> bool:
    return any(isinstance(item, (str, bytes)) for item in array.ravel())
