"""How the inner functions of the simulator and the solvers are compiled."""

from numba import njit

kernel = njit(cache=True, _nrt=False)
"""Compiles a function that allocates nothing and returns numbers, without counting references.

Numba counts the references to an array, atomically, whenever it is looked up in a record or handed on with one; that
took half of the time of an epoch. A function without that count must not create an array, which is an error when it is
compiled, nor return one, which its caller would release. Slices by index are no new arrays.
"""
