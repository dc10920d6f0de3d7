"""Compilation of the inner functions of the simulator and the solvers."""

from collections.abc import Callable
from typing import Any

import numba

from edge_llm_gym.compiled.cache import CacheOnDemand
from edge_llm_gym.compiled.linking import entry, links_as_known
from edge_llm_gym.compiled.lowering import STAYS_A_FUNCTION


def njit(*, cache: bool = False, linked: bool = True, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """`numba.njit` as a decorator, with a cache on the disk whose faults do not end the program.

    Without `linked`, numba compiles the function with its callees as usual (see `compiled.linking`). That is slower,
    and in rare cases gives faster code.

    A cache that cannot be written to, as on a full disk, causes one RuntimeWarning per process. An entry that cannot be
    read, such as a truncated file, is compiled again and replaced.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        if numba.config.DISABLE_JIT:
            return function
        # Other versions of numba compile every function with its callees: slower, with the same results.
        dispatcher = entry(function, **options) if linked and links_as_known() else numba.njit(**options)(function)
        if cache:
            dispatcher._cache = CacheOnDemand(function)
        return dispatcher

    return decorate


row_kernel = njit(cache=True, _nrt=False)
"""Compiles a kernel that loops over rows, as `kernel` does, but leaves it a function that its callers call."""


def part_kernel(function: Callable[..., Any]) -> Any:
    """Compiles a kernel, as `kernel` does, that stays a function of its own: for large ones with several callers.

    LLVM would copy it into all of them, which takes much time to optimise and gains nothing.
    """
    function.__dict__[STAYS_A_FUNCTION] = True
    # Numba passes options that are not given on from a caller to its callees.
    return njit(cache=True, _nrt=False, forceinline=False)(function)


kernel = njit(cache=True, _nrt=False, forceinline=True)
"""Compiles a kernel, which allocates nothing and returns numbers: without reference counts, inlined into its callers.

Numba updates the reference count of an array, atomically, whenever a kernel loads it from a record or passes it on;
that took half of the time of an epoch. `_nrt=False` (a private option of numba) compiles without reference counts. Such
a function can neither create an array nor return one: either is an error at compile time. Slices are allowed. It must
not take a random generator of Python either, whose wrapper would never be freed (2.8 KB per call); it takes one of a
stream (`compiled.streams`).

Records are passed field by field, hundreds of numbers per call, which took half of the time of an observation. With
`forceinline=True` functions are compiled into their callers; they must not call themselves. Compile time grows with the
number of record fields among the arguments, so a kernel takes the records that it reads, not those around them.
"""
