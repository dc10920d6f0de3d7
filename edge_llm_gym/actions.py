"""Checks of actions that all dynamics share: keys, shapes and ranges."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.names import suggestion


class ActionError(ValueError):
    """A malformed action. The message states the rule and the value received; the environment is unchanged."""


def check_keys(action: Any, keys: Sequence[str]) -> None:
    """Raises ActionError unless the action is a mapping with exactly these keys."""
    if not isinstance(action, Mapping):
        raise ActionError(f"an action is a mapping with keys {list(keys)}, got {type(action).__name__}")
    for key in action:
        if key not in keys:
            raise ActionError(f"unknown action key {key!r}; {suggestion(str(key), keys)}")
    for key in keys:
        if key not in action:
            raise ActionError(f"the action lacks the key {key!r}; it has {sorted(action)}")


def checked_shape(value: Any, key: str, shape: tuple[int, ...]) -> Array:
    """The value as an array; raises ActionError for another shape."""
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ActionError(f"action {key!r} must be an array of shape {shape}: {error}") from None
    if array.shape != shape:
        raise ActionError(f"action {key!r} must have shape {shape}, got {array.shape}")
    return array


def checked_unit_interval(array: Array, key: str) -> Array:
    """The array itself; raises ActionError unless it holds numbers from 0 to 1."""
    if array.dtype.kind not in "fiu":
        raise ActionError(f"action {key!r} holds numbers from 0 to 1, got dtype {array.dtype}")
    low, high = array.min(), array.max()
    if not (low >= 0.0 and high <= 1.0):  # NaN fails both
        raise ActionError(f"action {key!r} must lie in [0, 1], got values from {low} to {high}")
    return array
