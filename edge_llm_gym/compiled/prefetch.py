"""Loads of cache lines ahead of their use.

Kernels visit requests in arbitrary order, so that the processor cannot foresee which memory they read. Where a number
decides what is read next, or a branch cannot be predicted, it waits for the memory; `prefetch` begins the load earlier.
"""

from typing import Any

import numba
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

READ, KEEP_IN_ALL_CACHES, DATA = 0, 3, 1
"""Arguments of LLVM's `prefetch`."""


@intrinsic
def _compiled_prefetch(context: Any, array: Any, index: Any) -> Any:
    """Nothing, for an array and a tuple of one whole number, not negative, for each axis."""
    int32, address = ir.IntType(32), ir.IntType(8).as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [address, int32, int32, int32])

    def code(_context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        record = _context.make_array(array)(_context, builder, arguments[0])
        parts = zip(cgutils.unpack_tuple(builder, arguments[1]), signature.args[1], strict=True)
        indices = [_context.cast(builder, part, type_, types.intp) for part, type_ in parts]
        pointer = cgutils.get_item_pointer(_context, builder, array, record, indices)
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        constants = [ir.Constant(int32, number) for number in (READ, KEEP_IN_ALL_CACHES, DATA)]
        builder.call(function, [builder.bitcast(pointer, address), *constants])
        return _context.get_dummy_value()

    return types.void(array, index), code


def _no_prefetch(array: Any, index: tuple[int, ...]) -> None:
    """Without compilation there is nothing to gain."""


prefetch = _no_prefetch if numba.config.DISABLE_JIT else _compiled_prefetch
"""prefetch(array, (i, j)), in a kernel: the processor loads the memory around an element, and goes on meanwhile."""
