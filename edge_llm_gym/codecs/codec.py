"""The codec protocol, and the checks and conversions that codecs share."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from gymnasium import spaces

from edge_llm_gym.actions import ActionError, as_array, dtype_name
from edge_llm_gym.arrays import Array
from edge_llm_gym.rows import ROW_KEY
from edge_llm_gym.scenario import Scenario

Observation = Mapping[str, Array]
"""Observations of R rows: the environment's keys, arrays with a leading axis of rows."""
Action = dict[str, Array]
"""Actions of R rows in the environment's own form, arrays with a leading axis of rows."""


class Codec(Protocol):
    """Converts flat actions of R rows to the environment's dictionary actions, and back."""

    @property
    def space(self) -> spaces.Space[Any]:
        """Flat action space of one row."""
        ...

    def decode(self, action: Array, observation: Observation) -> Action:
        """The environment's action for flat actions [R, ...]. Raises ActionError for a malformed one."""
        ...

    def encode(self, action: Mapping[str, Array], observation: Observation) -> Array:
        """Flat actions [R, ...] that decode to an equivalent of the environment's action: labels for imitation."""
        ...

    def mask(self, observation: Observation) -> Array | None:
        """[R, sum of choices] bool, False where a choice would be refused; None for a codec without masks."""
        ...


def offload_rows(scenario: Scenario) -> int:
    """Number of rows of an offload matrix: devices and nodes in streaming dynamics, else nodes alone."""
    return len(scenario.nodes) + (scenario.devices.count if scenario.dynamics == "streaming" else 0)


def existing_links(scenario: Scenario) -> Array:
    """[S, K] bool, whether the sender of each row of an offload matrix has a link to each node."""
    network, nodes = scenario.network, len(scenario.nodes)
    entry = np.isin(np.arange(nodes), network.entry_nodes)
    return np.concatenate([np.tile(entry, (offload_rows(scenario) - nodes, 1)), network.has_link.astype(bool)])


def signed_box(size: int) -> spaces.Box:
    """Box of `size` numbers in [-1, 1]."""
    return spaces.Box(-1.0, 1.0, (size,), np.float32)


def flat_rows(action: Any, shape: tuple[int, ...], observation: Observation) -> Array:
    """Flat actions as an array [R, *shape], one for each row of the observation. Raises ActionError otherwise."""
    return as_array(action, "flat actions", (len(observation[ROW_KEY]), *shape))


def checked_signed(action: Any, size: int, observation: Observation) -> Array:
    """Flat Box actions [R, size] float32, clipped to [-1, 1].

    Raises ActionError for a wrong shape, for NaN and for anything but real numbers.
    """
    array = flat_rows(action, (size,), observation)
    if array.dtype.kind not in "fiu":
        raise ActionError(f"flat actions hold numbers from -1 to 1, got dtype {dtype_name(array)}")
    if np.isnan(array).any():
        raise ActionError("flat actions must be numbers, got NaN")
    return np.clip(array, -1.0, 1.0).astype(np.float32, copy=False)


def to_share(signed: Array) -> Array:
    """Numbers in [-1, 1] as shares in [0, 1]."""
    return (signed + np.float32(1.0)) / np.float32(2.0)


def from_share(share: Array) -> Array:
    """Shares in [0, 1] as numbers in [-1, 1]."""
    return (np.asarray(share, np.float32) * np.float32(2.0)) - np.float32(1.0)


def checked_choices(action: Any, choices: Array, observation: Observation) -> Array:
    """Discrete actions [R, n] int64; `choices` [n] are their numbers of choices.

    Raises ActionError for a wrong shape or dtype, and outside 0..choices - 1.
    """
    array = flat_rows(action, np.shape(choices), observation)
    if array.dtype.kind not in "iu":
        raise ActionError(f"flat actions must be whole numbers, got dtype {dtype_name(array)}")
    if (wrong := (array < 0) | (array >= choices)).any():
        highest = np.broadcast_to(choices, array.shape)[wrong][0] - 1
        raise ActionError(f"flat actions must lie in 0..{highest}, got {array[wrong][0]}")
    return array.astype(np.int64)
