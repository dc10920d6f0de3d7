"""The info of an environment: how it is computed for all rows, and how rows and Gymnasium's masks are taken from it."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from edge_llm_gym.arrays import Array

Info = dict[str, Any]
"""Nested dictionary of arrays with a leading axis of rows; `Columns` stand for dictionaries of numbers."""


@dataclass(slots=True)  # frozen, it would take three times as long to make
class Columns:
    """Numbers by name: one column of `values` [R, M] for each of the M names."""

    names: tuple[str, ...]
    values: Array

    def __post_init__(self) -> None:
        if self.values.shape[1] != len(self.names):
            raise ValueError(f"there must be a name for each of {self.values.shape[1]} columns, got {len(self.names)}")


def row_of(info: Info, row: int) -> Info:
    """One row as Gymnasium's single environments report it: numbers are Python's int and float."""
    return {key: _row(value, row) for key, value in info.items()}


def with_masks(info: Info, mask: Array) -> Info:
    """All rows as Gymnasium's vector environments report them: `_key` [R] bool marks the rows that have the key."""
    masked: Info = {}
    for key, value in info.items():
        masked[key] = _masked(value, mask)
        masked[f"_{key}"] = mask
    return masked


def replace_rows(info: Info, fresh: Info, rows: Array) -> Info:
    """The info in which the `rows` [R] bool are those of `fresh`; both have the same structure."""
    return {key: _replaced(value, fresh[key], rows) for key, value in info.items()}


def _row(value: Any, row: int) -> Any:
    if isinstance(value, Columns):
        return dict(zip(value.names, value.values[row].tolist()))  # noqa: B905, checked when the columns were made
    if isinstance(value, dict):
        return row_of(value, row)
    return value[row] if value.ndim > 1 else value.item(row)


def _masked(value: Any, mask: Array) -> Any:
    if isinstance(value, Columns):
        numbers: Info = dict(zip(value.names, value.values.T, strict=True))
        numbers.update(dict.fromkeys(_mask_keys(value.names), mask))
        return numbers
    return with_masks(value, mask) if isinstance(value, dict) else value


def _replaced(value: Any, fresh: Any, rows: Array) -> Any:
    if isinstance(value, Columns):
        return Columns(value.names, _replaced(value.values, fresh.values, rows))
    if isinstance(value, dict):
        return replace_rows(value, fresh, rows)
    return np.where(rows.reshape(-1, *[1] * (value.ndim - 1)), fresh, value)


@cache
def _mask_keys(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"_{name}" for name in names)
