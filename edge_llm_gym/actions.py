"""Checks of actions that all dynamics share: keys, shapes and ranges.

An action is an object of the user: any operation on it may raise anything. It is therefore turned into plain arrays
first, by `as_array` and `checked_entries`, and only the arrays are looked at afterwards.
"""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.messages import quoted, shortened
from edge_llm_gym.names import suggestion


class ActionError(ValueError):
    """A malformed action. The message states the rule and the value received; the environment is unchanged."""


def shown(value: Any) -> str:
    """A value in an error message: shortened, and its type if it cannot be displayed."""
    try:
        return quoted(value)
    except Exception:
        return f"an object of type {type(value).__name__}"


def _reason(error: Exception) -> str:
    """An exception that the user's object raised, whose text may be long or raise itself."""
    try:
        text = shortened(" ".join(str(error).split()), 200)
    except Exception:
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def checked_entries(action: Any, keys: Sequence[str]) -> dict[str, Any]:
    """The values by key. Raises ActionError unless the action is a mapping with exactly these keys."""
    try:
        if type(action) is dict and action.keys() == set(keys):  # the usual case, which costs less than the checks
            return action
        if not isinstance(action, Mapping):
            raise ActionError(f"an action is a mapping with keys {list(keys)}, got {type(action).__name__}")
        names = list(islice(action, len(keys) + 1))
        _check_names(names, keys)
        return {key: action[key] for key in keys}
    except ActionError:
        raise
    except Exception as error:
        raise ActionError(
            f"an action is a mapping with keys {list(keys)}, got {type(action).__name__} whose entries cannot be read: "
            f"{_reason(error)}"
        ) from None


def _check_names(names: list[Any], keys: Sequence[str]) -> None:
    for name in names:
        if not isinstance(name, str) or name not in keys:
            raise ActionError(f"unknown action key {shown(name)}; {suggestion(shortened(str(name), 60), keys)}")
    for key in keys:
        if key not in names:
            raise ActionError(f"the action lacks the key {key!r}; it has {quoted(sorted(names))}")


def as_array(value: Any, what: str, shape: tuple[int, ...] | None = None) -> Array:
    """The value as an array; `what` names it in errors, `shape` is the one that is expected, if there is one.

    Raises ActionError for a value that is no array of regular shape or masks some of its numbers, and for another
    shape.
    """
    rule = f"{what} must be an array" if shape is None else f"{what} must have shape {shape}"
    try:
        if shape is not None and not _nested_as(value, shape):
            raise ActionError(f"{rule}, got {type(value).__name__} of other lengths: {shown(value)}")
        array = np.asarray(value)
        masked = isinstance(value, np.ma.MaskedArray) and bool(np.ma.is_masked(value))
    except ActionError:
        raise
    except Exception as error:
        raise ActionError(
            f"{rule}, got {type(value).__name__} that cannot be converted: {_reason(error)}; pass a NumPy array"
        ) from None
    if masked:
        raise ActionError(f"{rule} without masked numbers, got a masked array; fill them")
    if shape is not None and array.shape != shape:
        raise ActionError(f"{rule}, got {array.shape}")
    return array


def _nested_as(value: Any, shape: tuple[int, ...]) -> bool:
    """Whether nested lists have these lengths; looked at before NumPy allocates what a long or deep list asks for."""
    if not isinstance(value, (list, tuple, range)):
        return True
    return bool(shape) and len(value) == shape[0] and all(_nested_as(item, shape[1:]) for item in value)


def checked_shape(value: Any, key: str, shape: tuple[int, ...]) -> Array:
    """The value of a key as an array; raises ActionError for another shape."""
    if type(value) is np.ndarray and value.shape == shape:  # the usual case
        return value
    return as_array(value, f"action {key!r}", shape)


def checked_unit_interval(array: Array, key: str) -> Array:
    """The array itself; raises ActionError unless it holds numbers from 0 to 1."""
    if array.dtype.kind not in "fiu":
        raise ActionError(f"action {key!r} holds numbers from 0 to 1, got dtype {dtype_name(array)}")
    low, high = least(array), greatest(array)
    if not (low >= 0.0 and high <= 1.0):  # NaN fails both
        raise ActionError(f"action {key!r} must lie in [0, 1], got values from {low} to {high}")
    return array


def least(array: Array) -> Any:
    """The least number; for few numbers the method `min` takes twice as long."""
    return np.minimum.reduce(array, axis=None)


def greatest(array: Array) -> Any:
    """The greatest number."""
    return np.maximum.reduce(array, axis=None)


def dtype_name(array: Array) -> str:
    """The dtype of an array in an error message; that of a structured array can be long."""
    return str(array.dtype) if array.dtype.names is None else f"structured, with {len(array.dtype.names)} fields"


def own_copy(array: Array, dtype: Any) -> Array:
    """A writeable, aligned, contiguous copy: kernels are compiled anew for arrays that differ in one of these."""
    return np.array(array, dtype, order="C")
