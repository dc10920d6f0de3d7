"""Sums and maxima in compiled functions, as loops: those of numba bring dozens of its own functions with them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_llm_gym.compiled import kernel


@kernel
def total(values: NDArray[np.float64]) -> float:
    """The sum of numbers [n], added one after the other, as `values.sum()` does in a compiled function.

    Numba's own sum brings the messages of its checks of axes with it, a fiftieth of the first run of an environment.
    """
    added = 0.0
    for value in values:
        added += value
    return added


@kernel
def greatest(values: NDArray[Any]) -> Any:
    """The greatest of numbers [n], floats or integers, of which there is at least one."""
    most = values[0]
    for value in values:
        most = max(most, value)
    return most
