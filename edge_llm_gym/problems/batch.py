"""The single-node problem: which requests form one node's next batch?"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike

from edge_llm_gym.problems.arrays import Flags, Floats, real_numbers
from edge_llm_gym.problems.feasibility import COST_FIELDS, within_limit

PER_REQUEST = (*COST_FIELDS, "budget_s", "value")
"""Fields of a BatchProblem that hold one number for each request."""
_MAY_BE_INFINITE = {"uplink_share", "downlink_share", "memory_bytes", "time_cap_s"}
_MAY_BE_NEGATIVE = {"budget_s"}
_SHARES = {"uplink_share", "downlink_share"}
SMALLEST, LARGEST = 1e-100, 1e100
"""Range of all numbers but zero and shares: products and quotients of three of them neither overflow nor vanish."""


@dataclass(frozen=True, eq=False)
class BatchProblem:
    """Choose the set S of requests that one node can complete in time as one batch, for the greatest objective.

    The batch takes T(S) = sum of ``time_s`` over S + max of ``shared_time_s`` over S, and all its requests complete at
    its end. S is feasible when

    - T(S) <= min(``time_cap_s``, ``budget_s[i]`` of every i in S),
    - the sum of ``kv_bytes`` over S <= ``memory_bytes``,
    - the sums of ``uplink_share`` and of ``downlink_share`` over S are at most 1 each.

    Every limit holds up to ``feasibility.RELATIVE_TOLERANCE``. The empty set is always feasible.

    The objective is the sum of ``value`` over S less ``time_price`` * T(S): the total value where time costs nothing. A
    price of energy is one of time, since a node that computes takes constant power.

    Args:
        time_s: [N] seconds that each request adds to the batch (w).
        shared_time_s: [N] seconds that the batch spends once, for its longest request (v).
        kv_bytes: [N] bytes of KV cache.
        uplink_share: [N] share of the uplink band; infinite for a request that no bandwidth can carry.
        downlink_share: [N] share of the downlink band; infinite likewise.
        budget_s: [N] seconds until the answer must be computed (D); finite, negative if that time has passed.
        value: [N] value of serving each request in time.
        memory_bytes: free bytes for KV caches.
        time_cap_s: greatest duration of any batch; infinite for no cap.
        time_price: value that a second of the batch costs, zero or more.

    The arrays are stored as read-only float64 copies. Raises ValueError for a NaN, for a negative or an infinite number
    where none is allowed, for a finite one outside SMALLEST to LARGEST (shares may have any size), for anything but
    real numbers, and for arrays of different lengths.
    """

    time_s: Floats
    shared_time_s: Floats
    kv_bytes: Floats
    uplink_share: Floats
    downlink_share: Floats
    budget_s: Floats
    value: Floats
    memory_bytes: float
    time_cap_s: float
    time_price: float = 0.0

    def __post_init__(self) -> None:
        count = self.request_count
        for name in BatchArrays._fields:
            object.__setattr__(self, name, _checked(name, getattr(self, name), count))

    @property
    def request_count(self) -> int:
        """Number N of requests to choose from."""
        return int(np.size(self.time_s))

    def batch_time_s(self, selected: ArrayLike) -> float:
        """Duration T(S) in seconds of the batch of the ``selected`` [N] bool; 0 for an empty batch."""
        chosen = self._mask(selected)
        return float(self.time_s[chosen].sum() + self.shared_time_s[chosen].max(initial=0.0))

    def time_limit_s(self, selected: ArrayLike) -> float:
        """Seconds that the batch of the ``selected`` [N] bool may take: its tightest budget, at most the cap."""
        return float(self.budget_s[self._mask(selected)].min(initial=self.time_cap_s))

    def loads(self, selected: ArrayLike) -> dict[str, tuple[float, float]]:
        """Used amount and limit of every constraint for the ``selected`` [N] bool, by name."""
        chosen = self._mask(selected)
        return {
            "time_s": (self.batch_time_s(chosen), self.time_limit_s(chosen)),
            "memory_bytes": (float(self.kv_bytes[chosen].sum()), self.memory_bytes),
            "uplink_share": (float(self.uplink_share[chosen].sum()), 1.0),
            "downlink_share": (float(self.downlink_share[chosen].sum()), 1.0),
        }

    def violations(self, selected: ArrayLike) -> dict[str, float]:
        """Constraints that the ``selected`` [N] bool violate, each with the amount by which it is exceeded."""
        loads = self.loads(selected).items()
        return {name: used - limit for name, (used, limit) in loads if not within_limit(used, limit)}

    def feasible(self, selected: ArrayLike) -> bool:
        """Whether the ``selected`` [N] bool satisfy every constraint."""
        return not self.violations(selected)

    @property
    def net_value(self) -> Floats:
        """[N] value of each request less the price of the time that it adds; negative if it does not pay for it."""
        return self.value - self.time_price * self.time_s

    def objective(self, selected: ArrayLike) -> float:
        """Total value of the ``selected`` [N] bool less the price of their batch's time, feasible or not."""
        return float(self.value[self._mask(selected)].sum()) - self.time_price * self.batch_time_s(selected)

    def feasible_alone(self) -> Flags:
        """[N] bool, whether the batch of that request alone is feasible; no other request is in any feasible batch."""
        limits = (
            (self.time_s + self.shared_time_s, np.minimum(self.budget_s, self.time_cap_s)),
            (self.kv_bytes, self.memory_bytes),
            (self.uplink_share, 1.0),
            (self.downlink_share, 1.0),
        )
        return np.logical_and.reduce([within_limit(used, limit) for used, limit in limits])

    def subset(self, requests: ArrayLike) -> Self:
        """The problem over some of its requests, given by a mask [N] bool or by integer indices, in their order."""
        chosen = self._index(requests)
        return self.replace(**{name: getattr(self, name)[chosen] for name in PER_REQUEST})

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields replaced; raises ValueError and TypeError as the constructor does."""
        if unknown := changes.keys() - set(BatchArrays._fields):
            raise TypeError(f"a BatchProblem has no field {min(unknown)!r}; its fields are {BatchArrays._fields}")
        count = int(np.size(changes.get("time_s", self.time_s)))
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        # Fields that do not change need no second check, unless the number of requests changes.
        for name in changes if count == self.request_count else BatchArrays._fields:
            object.__setattr__(other, name, _checked(name, changes.get(name, getattr(self, name)), count))
        return other

    def arrays(self) -> "BatchArrays":
        """The fields as a plain record."""
        return BatchArrays(*(getattr(self, name) for name in BatchArrays._fields))

    def __reduce__(self) -> tuple[Any, ...]:
        # Through the constructor: an unpickled array is writable again.
        return type(self), tuple(self.arrays())

    def _mask(self, selected: ArrayLike) -> Flags:
        mask = np.asarray(selected)
        if mask.dtype != np.bool_ or mask.shape != (self.request_count,):
            raise ValueError(
                f"selected must be a bool array of shape ({self.request_count},), one flag per request, "
                f"got dtype {mask.dtype} and shape {mask.shape}"
            )
        return mask

    def _index(self, requests: ArrayLike) -> Any:
        index = np.asarray(requests)
        if index.dtype == np.bool_:
            return self._mask(index)
        if index.ndim != 1 or not (np.issubdtype(index.dtype, np.integer) or index.size == 0):
            raise ValueError(
                f"requests must be a bool mask [{self.request_count}] or a 1-D array of request indices, "
                f"got dtype {index.dtype} and shape {index.shape}"
            )
        outside = (index < 0) | (index >= self.request_count)
        if outside.any():
            raise ValueError(f"requests must be indices from 0 to {self.request_count - 1}, got {index[outside][0]}")
        return index.astype(np.int64)


class BatchArrays(NamedTuple):
    """The fields of one BatchProblem, or of K of them over the same N requests with a leading axis [K]."""

    time_s: Floats
    shared_time_s: Floats
    kv_bytes: Floats
    uplink_share: Floats
    downlink_share: Floats
    budget_s: Floats
    value: Floats
    memory_bytes: Any  # float, or [K]
    time_cap_s: Any  # float, or [K]
    time_price: Any  # float, or [K]


def stacked(problems: Iterable[BatchProblem]) -> BatchArrays:
    """The fields of K problems over the same N requests as float64 arrays [K, N] and [K]."""
    problems = tuple(problems)
    columns = ([getattr(problem, name) for problem in problems] for name in BatchArrays._fields)
    return BatchArrays(*(np.array(column, dtype=np.float64) for column in columns))


def _checked(name: str, raw: Any, count: int) -> Floats | float:
    return _vector(name, raw, count) if name in PER_REQUEST else _number(name, raw)


def _vector(name: str, raw: ArrayLike, length: int) -> Floats:
    array = real_numbers(name, raw)
    if array.shape != (length,):
        raise ValueError(f"{name} must have shape ({length},) as time_s has {length} entries, got shape {array.shape}")
    check_range(name, array)
    array.setflags(write=False)
    return array


def _number(name: str, raw: float) -> float:
    if type(raw) is float and _is_allowed(name, raw):
        return raw
    array = real_numbers(name, raw)
    if array.ndim:
        raise ValueError(f"{name} must be one number, got an array of shape {array.shape}")
    check_range(name, array.reshape(1))
    return float(array)


def _is_allowed(name: str, number: float) -> bool:
    return number == 0.0 or SMALLEST <= number <= LARGEST or (number == np.inf and name in _MAY_BE_INFINITE)


def check_range(name: str, array: Floats) -> None:
    """Raises ValueError for numbers [n] that a field of a BatchProblem must not hold."""
    if array.size == 0 or (array.min() >= SMALLEST and array.max() <= LARGEST):
        return
    size = np.abs(array)
    allowed = (size <= LARGEST) & ((size >= SMALLEST) | (size == 0.0))
    if name in _MAY_BE_INFINITE:
        allowed |= array == np.inf
    if name in _SHARES:
        allowed |= array > 0.0
    if name not in _MAY_BE_NEGATIVE:
        allowed &= array >= 0.0
    if not allowed.all():
        where = int(np.argmin(allowed))
        wrong = array.flat[where]
        raise ValueError(f"{name} must be {_rule(name, wrong)}, got {wrong} at index {where}")


def _rule(name: str, wrong: float) -> str:
    if np.isfinite(wrong) and (wrong >= 0.0 or name in _MAY_BE_NEGATIVE):
        return f"zero or of a size from {SMALLEST:g} to {LARGEST:g}; choose other units"
    infinite = "or infinite" if name in _MAY_BE_INFINITE else "and finite"
    return "a finite number" if name in _MAY_BE_NEGATIVE else f"zero or more {infinite}, and not NaN"
