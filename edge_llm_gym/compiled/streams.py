"""Random generators as numbers, so that kernels can draw from them without objects of Python.

Numba takes a `numpy.random.Generator` apart whenever Python passes one, which takes 7 us and the interpreter lock. A
kernel takes a *stream* instead: the addresses of the state of the bit generator and of the functions that draw from it.
It draws from the generator itself, which goes on afterwards where the kernel has stopped:

    fill(stream_of(rng), out)  # Python

    @stream_kernel
    def fill(stream, out):
        rng = generator_of(stream)
        ...

A stream is valid as long as its generator exists. Methods of NumPy's generators lock them and kernels do not, so two
threads must not draw from one generator.
"""

import ctypes
from collections.abc import Sequence
from typing import Any, Final

import numba
import numpy as np
from numba.core import cgutils, types
from numba.extending import intrinsic

from edge_llm_gym.compiled import kernel, njit

Stream = Any
"""Four addresses, int; without compilation the generator itself."""
Streams = Any
"""Streams of n generators, int64 [n, 4]; without compilation the generators."""

stream_kernel = njit(cache=True, nogil=True)
"""Compiles a kernel that Python calls with streams. It may allocate and return arrays, and lets other threads run."""


normal_kernel = njit(cache=True, nogil=True, linked=False)
"""As `stream_kernel`, for loops that draw normal numbers: these run twice as fast if numba optimises their function and
numba's own, which draws one number, one after the other."""


def stream_of(rng: np.random.Generator) -> Stream:
    """The stream of a generator, which must stay alive; all bit generators have one."""
    if numba.config.DISABLE_JIT:
        return rng
    bit_generator: Any = rng.bit_generator
    functions = _FUNCTIONS.get(type(bit_generator)) or _functions(bit_generator)
    return (bit_generator.ctypes.state_address, *functions)


def streams_of(rngs: Sequence[np.random.Generator]) -> Streams:
    """The streams of some generators; `generator_of(streams[index])` is one of them in a kernel."""
    return rngs if numba.config.DISABLE_JIT else np.array([stream_of(rng) for rng in rngs], np.int64)


def _functions(bit_generator: Any) -> tuple[int, ...]:
    interface = bit_generator.ctypes
    functions = interface.next_uint64, interface.next_uint32, interface.next_double
    return tuple(ctypes.cast(function, ctypes.c_void_p).value or 0 for function in functions)


_FUNCTIONS: Final = {
    kind: _functions(kind(0))
    for kind in (np.random.PCG64, np.random.PCG64DXSM, np.random.MT19937, np.random.Philox, np.random.SFC64)
}
"""Addresses of the functions of NumPy's own bit generators, which are the same for all of one type."""


@intrinsic
def _generator(_context: Any, state: Any, next_uint64: Any, next_uint32: Any, next_double: Any) -> Any:
    """Numba's generator with these addresses, and without the object of Python that it has otherwise."""
    bits, generator = types.NumPyRandomBitGeneratorType("bits"), types.NumPyRandomGeneratorType("generator")

    def code(context: Any, builder: Any, _signature: Any, addresses: Any) -> Any:
        inner, outer = (cgutils.create_struct_proxy(kind)(context, builder) for kind in (bits, generator))
        inner.state, inner.fnptr_next_uint64, inner.fnptr_next_uint32, inner.fnptr_next_double = addresses
        outer.bit_generator = inner._getvalue()
        return outer._getvalue()

    return generator(*[types.int64] * 4), code


@kernel
def _compiled_generator(stream: Stream) -> Any:
    return _generator(stream[0], stream[1], stream[2], stream[3])


def _plain_generator(stream: Stream) -> Any:
    return stream


generator_of = _plain_generator if numba.config.DISABLE_JIT else _compiled_generator
"""The generator of a stream, in a kernel."""
