"""Compilation of the inner functions of the simulator and the solvers."""

from numba import njit

random_kernel = njit(cache=True)
"""Compiles a kernel that takes a random generator: with reference counts, which free numba's wrapper of a generator."""

kernel = njit(cache=True, _nrt=False, forceinline=True)
"""Compiles a kernel, which allocates nothing and returns numbers: without reference counts, inlined into its callers.

Numba updates the reference count of an array, atomically, whenever a kernel loads it from a record or passes it on;
that took half of the time of an epoch. `_nrt=False` (a private option of numba) compiles without reference counts. Such
a function can neither create an array nor return one: either is an error at compile time. Slices are allowed. It must
not take a random generator either, whose wrapper would never be freed (2.8 KB per call).

Records are passed field by field, hundreds of numbers per call, which took half of the time of an observation. With
`forceinline=True` functions are compiled into their callers; they must not call themselves. Compile time grows with the
number of record fields among the arguments, so a kernel takes the records that it reads, not those around them.
"""
