"""The multidiscrete codecs: a choice per slot, or a level per weight and threshold, with masks."""

from collections.abc import Mapping

import numpy as np
from gymnasium import spaces

from edge_llm_gym.arrays import Array
from edge_llm_gym.codecs.codec import Action, Observation, checked_choices, existing_links, offload_rows
from edge_llm_gym.decoding.assignment import with_least_shares
from edge_llm_gym.decoding.readers import batch_reader
from edge_llm_gym.scenario import Scenario


class BatchingMultiDiscrete:
    """For each slot a node or 0, N choices out of K + 1. Serves PPO, A2C and, with its masks, MaskablePPO.

    Bandwidth weights are the minimum shares of the requests. With `levels` L of 2 or more they are part of the action:
    2 N further choices out of L, the uplink and downlink weight of each slot in equal steps from 0 to 1.

    Raises ValueError for less than two levels.
    """

    def __init__(self, scenario: Scenario, levels: int | None = None) -> None:
        _check_levels(2 if levels is None else levels)
        self._reader = batch_reader(scenario)
        self._slots, self._nodes, self._levels = scenario.slots, scenario.network.entry_nodes.size, levels
        weights = [levels] * (2 * self._slots) if levels else []
        self._choices = np.array([self._nodes + 1] * self._slots + weights)
        self.space = spaces.MultiDiscrete(self._choices)

    def decode(self, action: Array, observation: Observation) -> Action:
        """Batch and bandwidth."""
        flat = checked_choices(action, self._choices, observation)
        batch = flat[:, : self._slots]
        if self._levels is None:
            return with_least_shares(batch, self._reader.read_rows(observation))
        level = flat[:, self._slots :].reshape(-1, self._slots, 2)
        return {"batch": batch, "bandwidth": (level / (self._levels - 1)).astype(np.float32)}

    def encode(self, action: Mapping[str, Array], observation: Observation) -> Array:
        """The choices, and levels in proportion to the weights: the largest weight of a batch gets the highest level.

        Rounding changes shares, so with few levels a request may get less than its minimum share.
        """
        batch = np.asarray(action["batch"], np.int64)
        if self._levels is None:
            return batch
        weights = np.asarray(action["bandwidth"], np.float64)
        joined = batch[:, None, :] == np.arange(self._nodes + 1)[:, None]
        largest = np.where(joined[..., None], weights[:, None], 0.0).max(axis=2)
        scaled = _scaled(weights, np.take_along_axis(largest, batch[..., None], axis=1)).reshape(len(batch), -1)
        return np.concatenate([batch, np.ceil(scaled * (self._levels - 1) - 1e-6).astype(np.int64)], axis=1)

    def mask(self, observation: Observation) -> Array:
        """[R, N * (K + 1) + 2 N L] bool: False where a request would be refused even if admitted alone."""
        arrays = self._reader.read_rows(observation)
        shares_fit = (arrays.uplink_share <= 1.0) & (arrays.downlink_share <= 1.0)
        can = shares_fit & (arrays.kv_bytes <= arrays.free_kv_bytes[:, None, :]) & arrays.visible[..., None]
        may_wait = np.ones((*can.shape[:2], 1), np.bool_)
        choice = np.concatenate([may_wait, can], axis=2).reshape(len(can), -1)
        return np.concatenate([choice, np.ones((len(can), 2 * self._slots * (self._levels or 0)), np.bool_)], axis=1)


class StreamingMultiDiscrete:
    """A level for each offload weight [D + K, K] and each threshold [K]. Serves PPO, A2C, MaskablePPO.

    In batching-and-routing dynamics the offload rows are those of the nodes, [K, K]. The mask allows only level 0 for
    links that do not exist. Raises ValueError for less than two levels.
    """

    def __init__(self, scenario: Scenario, levels: int = 5) -> None:
        _check_levels(levels)
        self._levels, self._nodes = levels, len(scenario.nodes)
        self._rows = offload_rows(scenario)
        self._exists = existing_links(scenario)
        mask = np.ones((self._rows * self._nodes + self._nodes, levels), np.bool_)
        mask[: self._exists.size, 1:] = self._exists.ravel()[:, None]
        self._mask = mask.ravel()
        self._choices = np.full(len(mask), levels)
        self.space = spaces.MultiDiscrete(self._choices)

    def decode(self, action: Array, observation: Observation) -> Action:
        """Offload and threshold."""
        share = (checked_choices(action, self._choices, observation) / (self._levels - 1)).astype(np.float32)
        offload, threshold = share[:, : -self._nodes], share[:, -self._nodes :]
        return {
            "offload": offload.reshape(-1, self._rows, self._nodes),
            "threshold": np.ascontiguousarray(threshold),
        }

    def encode(self, action: Mapping[str, Array], observation: Observation) -> Array:
        """The nearest levels; the largest weight among the existing links of a row gets the highest level."""
        threshold = np.asarray(action["threshold"], np.float64)
        offload = np.where(self._exists, np.asarray(action["offload"], np.float64), 0.0)
        offload = _scaled(offload, offload.max(axis=2, keepdims=True)).reshape(len(threshold), -1)
        return np.rint(np.concatenate([offload, threshold], axis=1) * (self._levels - 1)).astype(np.int64)

    def mask(self, observation: Observation) -> Array:
        """[R, sum of levels] bool, the same in every row."""
        return np.tile(self._mask, (len(observation["backlog"]), 1))


def _check_levels(levels: int) -> None:
    if not isinstance(levels, int) or levels < 2:
        raise ValueError(f"levels must be a whole number, 2 or more, got {levels!r}")


def _scaled(weights: Array, largest: Array) -> Array:
    """Weights relative to the largest, clipped to [0, 1]: only proportions matter, and all levels are used."""
    parts = np.divide(weights, largest, out=np.zeros_like(weights), where=largest > 0.0)
    return np.minimum(parts, 1.0)
