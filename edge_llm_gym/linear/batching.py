"""The linear policy of batching dynamics: prices of requests and of node time, then the best batches for those.

An exact scheduler of one epoch ignores two effects on later epochs: a batch that overruns takes time from them, and a
request that waits may be served in them. The price of node time accounts for the first, the request prices for the
second.
"""

import numpy as np
from numpy.typing import ArrayLike

from edge_llm_gym.arrays import Array
from edge_llm_gym.decoding.batching import MARGIN, BatchingArrays
from edge_llm_gym.decoding.readers import batch_reader
from edge_llm_gym.experts.policy import Observation
from edge_llm_gym.linear.policy import clipped_exp
from edge_llm_gym.linear.pricing import FEATURES, PricedEpochs, PricingPolicy, price_columns, weighted
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.workload.factory import build_workload

NODE_TIME_SHARE = 0.5
"""At zero parameters an epoch of a node costs this share of the value that arrives for it meanwhile."""


class LinearBatching(PricingPolicy):
    """Request prices value * exp(weights @ features), and a price exp(own + slope * queue) per second of node time.

    The features are FEATURES, the queue is the number of visible requests over the mean arrivals of an epoch, less 1.
    The parameters are F weights, K numbers for the node time prices, and the slope.
    """

    def __init__(
        self, scenario: Scenario, parameters: ArrayLike | None = None, search: str = "exact", num_threads: int = 1
    ) -> None:
        super().__init__(scenario, parameters, search, num_threads)
        self._reader = batch_reader(scenario)
        rate_per_s = build_workload(scenario.arrivals, scenario.lengths).rate_per_s
        self._arrivals_per_epoch = rate_per_s * scenario.epoch_s
        mean_value = float(np.mean(scenario.requests.value))
        self._base_price_per_s = NODE_TIME_SHARE * rate_per_s * mean_value / len(scenario.nodes)

    @staticmethod
    def size(scenario: Scenario) -> int:
        """Number of parameters."""
        return len(FEATURES) + len(scenario.nodes) + 1

    def priced(self, observation: Observation, parameters: Array) -> PricedEpochs:
        """Prices for observations of R rows under parameters [R or 1, P]."""
        rows = self._reader.read_rows(observation)
        columns = price_columns(rows, observation, self.scenario.epoch_s)
        factor = clipped_exp(weighted(columns, parameters[:, : len(FEATURES)]))
        free_s = np.maximum(self.scenario.epoch_s - rows.busy_s, 0.0) * (1.0 - MARGIN)
        price_per_s = self._node_time_price(rows, parameters)
        return PricedEpochs(rows, rows, columns, rows.value[..., None] * factor, price_per_s, free_s, {})

    def _node_time_price(self, rows: BatchingArrays, parameters: Array) -> Array:
        """[R, K] value that a second of a node costs, for parameters [R or 1, P]."""
        own, slope = parameters[:, len(FEATURES) : -1], parameters[:, -1:]
        queue = rows.visible.sum(axis=1, keepdims=True) / self._arrivals_per_epoch - 1.0
        return self._base_price_per_s * clipped_exp(own + slope * queue)
