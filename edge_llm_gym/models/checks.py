"""Validation of numbers in records; errors name the record, the field and the value."""

import math
from numbers import Integral


def require_positive(owner: str, **values: float) -> None:
    """Raise ValueError unless every value is a finite number above zero."""
    for field, value in values.items():
        if not 0 < value < math.inf:
            raise ValueError(f"{owner}: {field} must be positive and finite, got {value!r}; correct the value")


def require_at_least_zero(owner: str, **values: float) -> None:
    """Raise ValueError unless every value is a finite number of at least zero."""
    for field, value in values.items():
        if not 0 <= value < math.inf:
            raise ValueError(f"{owner}: {field} must be zero or more and finite, got {value!r}; correct the value")


def require_count(owner: str, **values: int) -> None:
    """Raise TypeError unless every value is a whole number, ValueError unless it is at least one."""
    for field, value in values.items():
        if not isinstance(value, Integral):
            raise TypeError(f"{owner}: {field} is a count and must be a whole number, got {value!r}")
        if value < 1:
            raise ValueError(f"{owner}: {field} must be at least 1, got {value!r}")
