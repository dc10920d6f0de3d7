"""The linear policy of batching dynamics: prices of requests and of node time, then the best batches for those.

An exact scheduler of one epoch ignores two effects on later epochs: a batch that overruns takes time from them, and a
request that waits may be served in them. The price of node time accounts for the first, the request prices for the
second.
"""

import numpy as np
from numpy.typing import ArrayLike

from edge_llm_gym.arrays import Array
from edge_llm_gym.decoding.assignment import with_least_shares
from edge_llm_gym.decoding.batching import MARGIN, BatchingArrays
from edge_llm_gym.decoding.pair_features import FEATURE_BOUND, pair_columns
from edge_llm_gym.decoding.readers import batch_reader
from edge_llm_gym.experts.policy import Action, Observation
from edge_llm_gym.linear.assignment import assign
from edge_llm_gym.linear.policy import LinearPolicy, clipped_exp
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.workload.factory import build_workload

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
NODE_TIME_SHARE = 0.5
"""At zero parameters an epoch of a node costs this share of the value that arrives for it meanwhile."""
OVERRUNS = (0.0, 1.0, 2.0, 3.0)
"""Epochs by which a batch may run past the next one's start."""


class LinearBatching(LinearPolicy):
    """Request prices value * exp(weights @ features), and a price exp(own + slope * queue) per second of node time.

    The features are FEATURES, the queue is the number of visible requests over the mean arrivals of an epoch, less 1.
    The parameters are F weights, K numbers for the node time prices, and the slope.
    """

    def __init__(self, scenario: Scenario, parameters: ArrayLike | None = None, search: str = "exact") -> None:
        super().__init__(scenario, parameters, search)
        self._reader = batch_reader(scenario)
        rate_per_s = build_workload(scenario.arrivals, scenario.lengths).rate_per_s
        self._arrivals_per_epoch = rate_per_s * scenario.epoch_s
        mean_value = float(np.mean(scenario.requests.value))
        self._base_price_per_s = NODE_TIME_SHARE * rate_per_s * mean_value / len(scenario.nodes)

    @staticmethod
    def size(scenario: Scenario) -> int:
        """Number of parameters."""
        return len(FEATURES) + len(scenario.nodes) + 1

    def act_with(self, observation: Observation, parameters: Array) -> Action:
        """Batch and minimum bandwidth."""
        rows, epoch_s = self._reader.read_rows(observation), self.scenario.epoch_s
        free_s = np.maximum(epoch_s - rows.busy_s, 0.0) * (1.0 - MARGIN)
        overruns_s = epoch_s * np.array(OVERRUNS)
        prices, node_time_price = self.prices(rows, observation, parameters), self.node_time_price(rows, parameters)
        node = assign(rows, prices, free_s, node_time_price, overruns_s, self.search)
        return with_least_shares(node, rows)

    def prices(self, rows: BatchingArrays, observation: Observation, parameters: Array) -> Array:
        """[R, N, K] value that a request counts on a node, for parameters [R or 1, P]."""
        columns = price_columns(rows, observation, self.scenario.epoch_s)
        return rows.value[..., None] * clipped_exp(weighted(columns, parameters[:, : len(FEATURES)]))

    def node_time_price(self, rows: BatchingArrays, parameters: Array) -> Array:
        """[R, K] value that a second of a node costs, for parameters [R or 1, P]."""
        own, slope = parameters[:, len(FEATURES) : -1], parameters[:, -1:]
        queue = rows.visible.sum(axis=1, keepdims=True) / self._arrivals_per_epoch - 1.0
        return self._base_price_per_s * clipped_exp(own + slope * queue)


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
