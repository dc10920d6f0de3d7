"""Records that stay in compiled memory, so that a kernel that Python calls often takes them as one argument.

Numba takes a record apart whenever Python passes it: about 0.15 us for each array in it, which was most of the time of
a step with one row. Records are held in a `Held` object instead, and taken apart once.
"""

from collections.abc import Callable
from operator import is_
from types import SimpleNamespace
from typing import Any

import numba
from numba.core import types
from numba.experimental import structref

from edge_llm_gym.compiled import njit

held_kernel = njit(cache=True, nogil=True)
"""Compiles a kernel that Python calls with held records, for a range of rows; it lets other threads run meanwhile."""


@structref.register
class HeldType(types.StructRef):  # type: ignore[misc,name-defined]
    """Numba's type of `Held`; its only field, `value`, is the tuple of records."""


class Held(structref.StructRefProxy):  # type: ignore[misc]
    """Records as one object, which kernels read as `held.value`. They are not copied: kernels change their arrays."""


structref.define_boxing(HeldType, Held)
structref.define_constructor(Held, HeldType, ["value"])


@njit(cache=True)
def _compiled_hold(value: Any) -> Any:
    return Held(value)


def hold(records: tuple[Any, ...]) -> Any:
    """The records as one argument for kernels; without compilation an object of Python with the same attribute."""
    return SimpleNamespace(value=records) if numba.config.DISABLE_JIT else _compiled_hold(records)


class HeldRecords:
    """The `Held` object of some records, made anew when one of them is another object than before.

    A pickled or copied object is empty, and holds what it is asked for then.
    """

    def __init__(self) -> None:
        self._records: tuple[Any, ...] = ()
        self._held: Any = None

    def of(self, records: tuple[Any, ...], more: Callable[[], Any]) -> Any:
        """Holds the records and, as the last one, what `more` makes for them, such as a work space."""
        if not (len(records) == len(self._records) and all(map(is_, records, self._records))):
            self._held, self._records = hold((*records, more())), records
        return self._held

    def __reduce__(self) -> tuple[Any, ...]:
        return HeldRecords, ()
