"""Single observations and actions as batches of rows, and back."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from edge_llm_gym.arrays import Array

ROW_KEY: Final = "backlog"
"""A key of the observations of all dynamics, with a value [F] for a single row and [R, F] for a batch of rows."""


def is_single(observation: Mapping[str, Array]) -> bool:
    """Whether an observation is that of one row, without a leading axis of rows."""
    return np.ndim(observation[ROW_KEY]) == 1


def as_rows(single: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays of one row as a batch of one row."""
    return {key: np.asarray(value)[None] for key, value in single.items()}


def first_row(batch: Mapping[str, Array]) -> dict[str, Array]:
    """The first row of a batch."""
    return {key: value[0] for key, value in batch.items()}


def split_rows(batch: Mapping[str, Array]) -> list[dict[str, Array]]:
    """The rows of a batch, one by one."""
    return [{key: value[row] for key, value in batch.items()} for row in range(len(batch[ROW_KEY]))]


def repeated(array: Array, rows: int) -> Array:
    """[R, ...] copies of an array, faster than `np.tile` for few rows."""
    copies = np.empty((rows, *array.shape), array.dtype)
    copies[:] = array
    return copies
