"""The single-node problem: which requests should share one node's next batch?"""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

RELATIVE_TOLERANCE = 1e-9
"""A sum keeps a limit if it is at most ``limit * (1 + RELATIVE_TOLERANCE)``, so that rounding refuses no exact fit."""

_ARRAYS = ("time_s", "shared_time_s", "kv_bytes", "uplink_share", "downlink_share", "budget_s", "value")
_MAY_BE_INFINITE = {"uplink_share", "downlink_share", "memory_bytes", "time_cap_s"}
_MAY_BE_NEGATIVE = {"budget_s"}


@dataclass(frozen=True, eq=False)
class BatchProblem:
    """Choose a set S of requests of the greatest total value that one node can answer in time as one batch.

    The batch takes T(S) = sum of ``time_s`` over S + max of ``shared_time_s`` over S, and all of it ends when
    T(S) ends. S is feasible when

    - T(S) <= min(``time_cap_s``, ``budget_s[i]`` of every i in S),
    - the sum of ``kv_bytes`` over S <= ``memory_bytes``,
    - the sums of ``uplink_share`` and of ``downlink_share`` over S are at most 1 each.

    Every limit is kept up to :data:`RELATIVE_TOLERANCE`. The empty set is always feasible.

    Args:
        time_s: [N] seconds that each request adds to the batch (w).
        shared_time_s: [N] seconds that the batch spends once, for the longest of its requests (v).
        kv_bytes: [N] bytes of KV cache.
        uplink_share: [N] share of the uplink band; infinite for a request that no bandwidth can carry.
        downlink_share: [N] share of the downlink band; infinite likewise.
        budget_s: [N] seconds until the answer must be computed (D); finite, negative when it is too late already.
        value: [N] worth of serving each request in time.
        memory_bytes: bytes left for KV caches.
        time_cap_s: greatest duration of any batch; infinite for no cap.

    The arrays are kept as read-only float64 copies. Raises ValueError for a NaN, a negative or an infinite number where
    the above allows none, and for arrays that are not of one common length.
    """

    time_s: NDArray[np.float64]
    shared_time_s: NDArray[np.float64]
    kv_bytes: NDArray[np.float64]
    uplink_share: NDArray[np.float64]
    downlink_share: NDArray[np.float64]
    budget_s: NDArray[np.float64]
    value: NDArray[np.float64]
    memory_bytes: float
    time_cap_s: float

    def __post_init__(self) -> None:
        for name in _ARRAYS:
            object.__setattr__(self, name, _vector(name, getattr(self, name), self.request_count))
        for name in ("memory_bytes", "time_cap_s"):
            object.__setattr__(self, name, _number(name, getattr(self, name)))

    @property
    def request_count(self) -> int:
        """Number N of requests to choose from."""
        return int(np.size(self.time_s))

    def batch_time_s(self, selected: ArrayLike) -> float:
        """Duration T(S) in seconds of the batch of the ``selected`` [N] bool; 0 for an empty one."""
        chosen = self._mask(selected)
        return float(self.time_s[chosen].sum() + self.shared_time_s[chosen].max(initial=0.0))

    def time_limit_s(self, selected: ArrayLike) -> float:
        """Seconds that the ``selected`` [N] bool may take: their tightest budget, or the cap if that is less."""
        return float(self.budget_s[self._mask(selected)].min(initial=self.time_cap_s))

    def loads(self, selected: ArrayLike) -> dict[str, tuple[float, float]]:
        """What the ``selected`` [N] bool use of each constraint, and its limit, by name."""
        chosen = self._mask(selected)
        return {
            "time_s": (self.batch_time_s(chosen), self.time_limit_s(chosen)),
            "memory_bytes": (float(self.kv_bytes[chosen].sum()), self.memory_bytes),
            "uplink_share": (float(self.uplink_share[chosen].sum()), 1.0),
            "downlink_share": (float(self.downlink_share[chosen].sum()), 1.0),
        }

    def violations(self, selected: ArrayLike) -> dict[str, float]:
        """The constraints that the ``selected`` [N] bool break, each with the amount by which it is exceeded."""
        return {name: used - limit for name, (used, limit) in self.loads(selected).items() if not keeps(used, limit)}

    def feasible(self, selected: ArrayLike) -> bool:
        """Whether the ``selected`` [N] bool keep every constraint."""
        return not self.violations(selected)

    def objective(self, selected: ArrayLike) -> float:
        """Total value of the ``selected`` [N] bool, feasible or not."""
        return float(self.value[self._mask(selected)].sum())

    def with_value(self, value: ArrayLike) -> "BatchProblem":
        """The same problem with other values [N]; raises ValueError as the constructor does."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        object.__setattr__(other, "value", _vector("value", value, self.request_count))
        return other

    def __reduce__(self) -> tuple[Any, ...]:
        # Through the constructor, since a pickled array forgets that it is read-only.
        return type(self), tuple(getattr(self, field.name) for field in fields(self))

    def _mask(self, selected: ArrayLike) -> NDArray[np.bool_]:
        mask = np.asarray(selected)
        if mask.dtype != np.bool_ or mask.shape != (self.request_count,):
            raise ValueError(
                f"selected must be a bool array of shape ({self.request_count},), one flag per request, "
                f"got dtype {mask.dtype} and shape {mask.shape}"
            )
        return mask


def keeps(used: float, limit: float) -> bool:
    """Whether an amount keeps its limit, by the project's one rule (see :data:`RELATIVE_TOLERANCE`)."""
    return used <= limit * (1.0 + RELATIVE_TOLERANCE)


def _vector(name: str, raw: ArrayLike, length: int) -> NDArray[np.float64]:
    array = np.array(raw, dtype=np.float64)
    if array.shape != (length,):
        raise ValueError(f"{name} must have shape ({length},) as time_s has {length} entries, got shape {array.shape}")
    _check_range(name, array)
    array.setflags(write=False)
    return array


def _number(name: str, raw: float) -> float:
    number = float(raw)
    _check_range(name, np.array([number]))
    return number


def _check_range(name: str, array: NDArray[np.float64]) -> None:
    lowest = -np.inf if name in _MAY_BE_NEGATIVE else 0.0
    allowed = array >= lowest
    if name not in _MAY_BE_INFINITE:
        allowed &= np.isfinite(array)
    if not allowed.all():
        where = int(np.argmin(allowed))
        raise ValueError(f"{name} must be {_rule(name)}, got {array[where]} at index {where}")


def _rule(name: str) -> str:
    infinite = "or infinite" if name in _MAY_BE_INFINITE else "and finite"
    return "a finite number" if name in _MAY_BE_NEGATIVE else f"zero or more {infinite}, and not NaN"
