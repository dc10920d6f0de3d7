"""Arrays in memory that exists already: work space is allocated once, and each problem takes what it needs of it.

A kernel cannot allocate, and small arrays take longer to allocate and to count than to fill. `view` makes an array of
any shape at the begin of another one:

    def solve(memory, n):  # a kernel
        key, order = view(memory.floats[0], (n,)), view(memory.ints[0], (n,))

No reference is counted for a view: it is valid as long as the array whose memory it uses. A kernel may therefore return
records of views to compiled functions, though not to Python. A function that allocates the memory passes it to a kernel
which makes the views: numba frees an array after the last use of its own variables, while what is passed on stays until
the kernel returns. What the memory holds is what was written last.
"""

import math
from typing import Any

import numba
from numba.core import cgutils, types
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array


@intrinsic
def _compiled_view(_typing: Any, array: Any, shape: Any) -> Any:
    result = types.Array(array.dtype, len(shape), "C")

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        whole = context.make_array(array)(context, builder, arguments[0])
        parts = zip(cgutils.unpack_tuple(builder, arguments[1]), signature.args[1], strict=True)
        sizes = [context.cast(builder, part, type_, types.intp) for part, type_ in parts]
        steps = [whole.itemsize]
        for size in reversed(sizes[1:]):
            steps.insert(0, builder.mul(steps[0], size, flags=["nsw"]))
        part = context.make_array(result)(context, builder)
        populate_array(part, whole.data, sizes, steps, whole.itemsize, meminfo=None)
        return part._getvalue()

    return result(array, shape), code


def _plain_view(array: Any, shape: tuple[int, ...]) -> Any:
    return array.reshape(-1)[: math.prod(shape)].reshape(shape)


view = _plain_view if numba.config.DISABLE_JIT else _compiled_view
"""view(array, (n, m)), in compiled functions: an array of that shape in C order, in the first elements of `array`.

The array is in C order and has as many elements; compiled functions do not check either.
"""
