"""Prices of requests and of node time, and the batches that are best for them.

Policies of pooled dynamics say what a request counts on a node and what a second of a node costs; the search of
`edge_llm_gym.linear.assignment` finds the batches.
"""

from abc import abstractmethod
from typing import NamedTuple

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.decoding.assignment import with_least_shares
from edge_llm_gym.decoding.batching import BatchingArrays
from edge_llm_gym.decoding.pair_features import FEATURE_BOUND, pair_columns
from edge_llm_gym.experts.policy import Action, Observation
from edge_llm_gym.linear.assignment import assign
from edge_llm_gym.linear.policy import LinearPolicy

FEATURES = (
    "work",  # these nine as in decoding.pair_features
    "shared",
    "slack",
    "ease",
    "memory",
    "uplink",
    "downlink",
    "choice",
    "demand",
    "busy",  # epochs from the end of this uplink slot until the node is free
    "urgent",  # no node could serve it an epoch later
    "quickest",  # least time alone on a node that could serve it, in epochs
)
OVERRUNS = (0.0, 1.0, 2.0, 3.0)
"""Epochs by which a batch may run past the next one's start."""


class PricedEpochs(NamedTuple):
    """What R rows choose their batches by, for N slots and K entry nodes."""

    rows: BatchingArrays
    """As observed: the bandwidth of a batch follows from them"""
    costs: BatchingArrays
    """What requests are expected to take"""
    columns: Array
    """[R, N, K, F] FEATURES"""
    price: Array
    """[R, N, K] value that a request counts on a node"""
    node_time_price: Array
    """[R, K] value of a second of a node beyond `free_s`"""
    free_s: Array
    """[R, K] time of a batch that costs nothing, since it ends before the next one starts"""
    others: Action
    """The parts of the action beside the batches"""

    def part(self, rows: slice) -> "PricedEpochs":
        """Some of the rows."""
        observed, costs = (BatchingArrays(*(array[rows] for array in arrays)) for arrays in (self.rows, self.costs))
        others = {key: array[rows] for key, array in self.others.items()}
        return PricedEpochs(
            observed,
            costs,
            self.columns[rows],
            self.price[rows],
            self.node_time_price[rows],
            self.free_s[rows],
            others,
        )


class PricingPolicy(LinearPolicy):
    """A linear policy that prices requests and node time, and takes the best batches for these prices."""

    @abstractmethod
    def priced(self, observation: Observation, parameters: Array) -> PricedEpochs:
        """Prices for observations of R rows under parameters [R, P] of their own, or [1, P] for all of them."""

    def act_with(self, observation: Observation, parameters: Array) -> Action:
        """Batch and minimum bandwidth, and what else the dynamics have."""
        epochs = self.priced(observation, parameters)
        return action_of(self.best_batches(epochs), epochs)

    def best_batches(self, epochs: PricedEpochs) -> Array:
        """Node [R, N] in 0..K of the batches that the search finds."""
        overruns_s = self.scenario.epoch_s * np.array(OVERRUNS)
        prices = epochs.price, epochs.free_s, epochs.node_time_price
        return assign(epochs.costs, *prices, overruns_s, self.search, self.workers)


def action_of(node: Array, epochs: PricedEpochs) -> Action:
    """The action whose batches are node [R, N] in 0..K."""
    return with_least_shares(node, epochs.rows) | epochs.others


def price_columns(rows: BatchingArrays, observation: Observation, epoch_s: float) -> Array:
    """[R, N, K, F] FEATURES of requests on nodes."""
    alone_s = rows.time_s + rows.shared_time_s
    columns = pair_columns(rows, observation, epoch_s)
    columns["busy"] = np.minimum(np.broadcast_to(rows.busy_s[:, None], alone_s.shape) / epoch_s, FEATURE_BOUND)
    columns["urgent"] = np.all(alone_s + epoch_s > rows.budget_s, axis=2, keepdims=True).astype(np.float64)
    able_s = np.where(columns["feasible"] > 0, alone_s, FEATURE_BOUND * epoch_s)
    columns["quickest"] = np.minimum(able_s.min(axis=2, keepdims=True) / epoch_s, FEATURE_BOUND)
    return np.stack([np.broadcast_to(columns[name], alone_s.shape) for name in FEATURES], axis=-1)


def weighted(columns: Array, weights: Array) -> Array:
    """[R, N, K] sums of columns [R, N, K, F] under weights [R or 1, F]."""
    sums: Array = (columns @ weights[:, None, :, None])[..., 0]
    return sums
