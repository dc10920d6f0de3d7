"""The info dictionaries of the single and the vector environment: their type, and how rows are taken from them."""

from typing import Any

import numpy as np

from edge_llm_gym.arrays import Array

Info = dict[str, Any]
"""Nested dictionary of arrays with a leading axis of rows."""


def row_of(info: Info, row: int) -> Info:
    """One row of a nested dictionary of arrays; scalars become plain numbers."""
    return {key: row_of(value, row) if isinstance(value, dict) else _plain(value[row]) for key, value in info.items()}


def with_masks(info: Info, mask: Array) -> Info:
    """Adds Gymnasium's `_key` masks [R] bool, which mark the rows in which a key is present."""
    masked: Info = {}
    for key, value in info.items():
        masked[key] = with_masks(value, mask) if isinstance(value, dict) else value
        masked[f"_{key}"] = mask
    return masked


def replace_rows(info: Info, fresh: Info, rows: Array) -> Info:
    """The info in which the `rows` [R] bool are those of `fresh`, with Gymnasium's masks.

    A key that only one of them has is masked where the other counts.
    """
    merged = with_masks({key: value for key, value in info.items() if key not in fresh}, ~rows)
    merged |= with_masks({key: value for key, value in fresh.items() if key not in info}, rows)
    for key in (key for key in info if key in fresh):
        old, new = info[key], fresh[key]
        merged[key] = replace_rows(old, new, rows) if isinstance(old, dict) else _choose(rows, new, old)
        merged[f"_{key}"] = np.ones_like(rows)
    return merged


def _choose(rows: Array, new: Array, old: Array) -> Array:
    return np.where(rows.reshape(-1, *[1] * (old.ndim - 1)), new, old)


def _plain(value: Any) -> Any:
    return value if isinstance(value, np.ndarray) else value.item()
