"""Names of the array types in problems and solvers; compiled kernels use them as annotations, which numba ignores."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
SmallInts = NDArray[np.int8]
Flags = NDArray[np.bool_]
