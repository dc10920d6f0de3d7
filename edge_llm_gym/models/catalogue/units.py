"""Fields whose values are checked against the range that their unit suggests, to find numbers in another unit."""

from collections.abc import Callable
from typing import Any

from pydantic import AfterValidator, Field


def in_unit(unit: str, low: float, high: float, hint: str) -> tuple[Any, Any]:
    """Annotations of a number in `unit` from `low` to `high`; `hint` shows how another unit is written."""
    return AfterValidator(_checker(unit, low, high, hint)), Field(json_schema_extra={"minimum": low, "maximum": high})


def _checker(unit: str, low: float, high: float, hint: str) -> Callable[[float], float]:
    def check(value: float) -> float:
        if not low <= value <= high:
            raise ValueError(f"this number is in {unit} and must be from {low:g} to {high:g}; {hint}")
        return value

    return check
