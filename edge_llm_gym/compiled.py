"""How the inner functions of the simulator and the solvers are compiled."""

from numba import njit

kernel = njit(cache=True, _nrt=False, forceinline=True)
"""Compiles a function that allocates nothing and returns numbers, without counting references and without calls.

Numba counts the references to an array, atomically, whenever it is looked up in a record or handed on with one; that
took half of the time of an epoch. Without that count a function can neither create an array nor return one that it made
or sliced: either is an error when it is compiled. It must not return an array that it was given. Slices are free.

Records are handed on field by field, hundreds of numbers a call, which took half of the time of an observation. So
functions are compiled into their callers; they must not call themselves.
"""
