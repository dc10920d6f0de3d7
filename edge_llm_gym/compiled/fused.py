"""Products and sums that are rounded once, in kernels.

The result is the same on every processor. That of a matrix product is not: it depends on the library that computes it
and on the shape of the matrices.
"""

import math
from fractions import Fraction
from typing import Any

import numba
from numba.core import types
from numba.extending import intrinsic


@intrinsic
def _compiled_fused(_context: Any, _a: Any, _b: Any, _c: Any) -> Any:
    """One instruction of the processor where it has one."""

    def code(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return types.float64(types.float64, types.float64, types.float64), code


def _plain_fused(a: float, b: float, c: float) -> float:
    if all(map(math.isfinite, (a, b, c))):
        return float(Fraction(a) * Fraction(b) + Fraction(c))
    return float(a * b + c)


fused = _plain_fused if numba.config.DISABLE_JIT else _compiled_fused
"""fused(a, b, c), in a kernel: a * b + c of float64 numbers, rounded once."""
