"""A linear policy of epochs: prices on the requests and rents on the nodes' time, then the best batches for those.

An exact scheduler of one epoch overlooks two things: a batch that runs on takes from the epochs after, and who waits
may be served later. The rents stand for the first, the prices for the second.
"""

import numpy as np
from numpy.typing import ArrayLike

from agents.epoch_tokens import BIG, pair_columns
from agents.linear.policy import Action, LinearPolicy, Observation
from agents.linear.timed import assign
from edge_llm_gym.arrays import Array
from edge_llm_gym.decoding.assignment import with_least_shares
from edge_llm_gym.decoding.batching import MARGIN, BatchingArrays, BatchingReader
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.workload.config import build_workload

FEATURES = (
    "work",  # these nine as in agents.epoch_tokens
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
RENT_SHARE = 0.5
"""At zero an epoch of a node costs this share of the value that comes in for it meanwhile."""
OVERRUNS = (0.0, 1.0, 2.0, 3.0)
"""Epochs by which a batch may run past the next one's start."""
STEEPEST = 4.0
"""Bound on the logarithm of a factor."""


class LinearPrices(LinearPolicy):
    """Each request counts value * exp(weights @ features) on a node, whose rent is exp(own + slope * queue) per second.

    The features are FEATURES, the queue is the number of requests shown over what an epoch brings, less 1. The
    parameters are F weights, K numbers for the rents, and the slope.
    """

    def __init__(self, scenario: Scenario, parameters: ArrayLike | None = None) -> None:
        super().__init__(scenario, parameters)
        self._reader = BatchingReader(scenario)
        rate_per_s = build_workload(scenario.arrivals, scenario.lengths).rate_per_s
        self._per_epoch = rate_per_s * scenario.epoch_s
        self._rent_per_s = RENT_SHARE * rate_per_s * float(np.mean(scenario.requests.value)) / len(scenario.nodes)

    @staticmethod
    def size(scenario: Scenario) -> int:
        """Number of parameters."""
        return len(FEATURES) + len(scenario.nodes) + 1

    def act(self, observation: Observation) -> Action:
        """Batch and least bandwidth."""
        rows, epoch_s = self._reader.read_rows(observation), self.scenario.epoch_s
        free_s = np.maximum(epoch_s - rows.busy_s, 0.0) * (1.0 - MARGIN)
        overruns_s = epoch_s * np.array(OVERRUNS)
        node = assign(rows, self.prices(rows, observation), free_s, self.rents_per_s(rows), overruns_s)
        return with_least_shares(node, rows)

    def prices(self, rows: BatchingArrays, observation: Observation) -> Array:
        """[R, N, K] what a request counts on a node."""
        tilt = price_columns(rows, observation, self.scenario.epoch_s) @ self.parameters[: len(FEATURES)]
        return rows.value[..., None] * bent(tilt)

    def rents_per_s(self, rows: BatchingArrays) -> Array:
        """[R, K] value that a second of a node costs."""
        own, slope = self.parameters[len(FEATURES) : -1], self.parameters[-1]
        queue = rows.visible.sum(axis=1, keepdims=True) / self._per_epoch - 1.0
        return self._rent_per_s * bent(own + slope * queue)


def bent(logarithm: Array) -> Array:
    """The factors of these logarithms, none too steep."""
    return np.exp(np.clip(logarithm, -STEEPEST, STEEPEST))


def price_columns(rows: BatchingArrays, observation: Observation, epoch_s: float) -> Array:
    """[R, N, K, F] FEATURES of requests on nodes."""
    alone_s = rows.time_s + rows.shared_time_s
    columns = pair_columns(rows, observation, epoch_s)
    columns["busy"] = np.minimum(np.broadcast_to(rows.busy_s[:, None], alone_s.shape) / epoch_s, BIG)
    columns["urgent"] = np.all(alone_s + epoch_s > rows.budget_s, axis=2, keepdims=True).astype(np.float64)
    able_s = np.where(columns["feasible"] > 0, alone_s, BIG * epoch_s)
    columns["quickest"] = np.minimum(able_s.min(axis=2, keepdims=True) / epoch_s, BIG)
    return np.stack([np.broadcast_to(columns[name], alone_s.shape) for name in FEATURES], axis=-1)
