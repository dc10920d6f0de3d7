"""Validates the arrays of an exit profile and reads them from .npz files without unpickling."""

import math
from typing import IO, Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge_llm_gym.archives import ArchiveError, read_arrays
from edge_llm_gym.messages import quoted, shortened
from edge_llm_gym.names import suggestion

REQUIRED_ARRAYS = ("confidence", "correct")
OPTIONAL_ARRAYS = ("name", "source")
MAX_BYTES: Final = 1 << 28
"""Bound on the unpacked size of a file, 268 MB: four million answers at eight exits."""


def read_table(stream: IO[bytes], name: str) -> dict[str, Any]:
    """Arrays and strings of an open .npz file, by name; errors refer to the file as ``name``.

    Raises ValueError for a file that is not an archive of plain arrays, and for a missing or unknown array; TypeError
    for a name or source that is not a string.
    """
    arrays = _arrays(stream, name)
    known = REQUIRED_ARRAYS + OPTIONAL_ARRAYS
    for key in arrays:
        if key not in known:
            raise ValueError(f"exit profile {name!r}: unknown array {quoted(key)}; {suggestion(shortened(key), known)}")
    if missing := [key for key in REQUIRED_ARRAYS if key not in arrays]:
        raise ValueError(
            f"exit profile {name!r} must hold the arrays confidence and correct, but lacks {missing}; add them"
        )
    return {key: array if key in REQUIRED_ARRAYS else _text(name, key, array) for key, array in arrays.items()}


def _arrays(stream: IO[bytes], name: str) -> dict[str, NDArray]:
    try:
        return read_arrays(stream, MAX_BYTES)
    except ArchiveError as error:
        raise ValueError(
            f"exit profile {name!r} must be an .npz archive of plain arrays, as save_profile or numpy.savez write it: "
            f"{error}"
        ) from error


def _text(name: str, key: str, array: NDArray) -> str:
    if array.dtype.kind != "U" or array.size != 1:
        raise TypeError(
            f"exit profile {name!r}: {key} must be one string, got dtype {array.dtype}, shape {array.shape}"
        )
    return str(array.item())


def confidence_table(name: str, values: ArrayLike) -> NDArray[np.float32]:
    """A new [M, E] float32 array of numbers in [0, 1]; raises errors as `ExitProfile`."""
    array = _table(name, "confidence", values)
    if array.dtype.kind != "f":
        raise TypeError(
            f"exit profile {name!r}: confidence must hold floating-point numbers in [0, 1], got dtype {array.dtype}; "
            f"divide counts or percentages first"
        )
    if (outside := ~((array >= 0) & (array <= 1))).any():
        row, column = (int(index) for index in np.argwhere(outside)[0])
        raise ValueError(
            f"exit profile {name!r}: confidence must be in [0, 1] everywhere, got {array[row, column]} in row {row} "
            f"at exit {column} (and {np.count_nonzero(outside) - 1} more)"
        )
    return array.astype(np.float32)


def correct_table(name: str, values: ArrayLike) -> NDArray[np.bool_]:
    """A new [M, E] bool array; raises errors as `ExitProfile`."""
    array = _table(name, "correct", values)
    if array.dtype.kind not in "buif":
        raise TypeError(f"exit profile {name!r}: correct must hold bool, or 0 and 1, got dtype {array.dtype}")
    if not np.isin(array, (0, 1)).all():
        other = array[~np.isin(array, (0, 1))][0]
        raise ValueError(f"exit profile {name!r}: correct must hold bool, or 0 and 1, got {other}")
    return array.astype(np.bool_)


def _table(name: str, field: str, values: ArrayLike) -> NDArray:
    array = np.asarray(values)
    if array.ndim != 2 or math.prod(array.shape) == 0:
        raise ValueError(
            f"exit profile {name!r}: {field} must be [rows, exits] with at least one of each, got shape {array.shape}"
        )
    return array


def read_only(array: NDArray) -> NDArray:
    """The same array, now read-only."""
    array.flags.writeable = False
    return array
