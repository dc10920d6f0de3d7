"""The linear policy of batching-and-routing dynamics: prices as in batching dynamics, thresholds and offload shares.

Costs and values of requests on an entry node are their expectations under the thresholds and the shares of the deeper
nodes, as the experts compute them (`edge_llm_gym.decoding.exit_forecast`).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from edge_llm_gym.arrays import Array
from edge_llm_gym.decoding.batching import MARGIN, BatchingArrays
from edge_llm_gym.decoding.composite import CompositeReader
from edge_llm_gym.decoding.difficulty_mix import DIFFICULTY_SHIFTS, NO_SHIFT
from edge_llm_gym.decoding.exit_forecast import ExitForecast, ExitProbabilities, exit_forecast
from edge_llm_gym.experts.policy import Observation
from edge_llm_gym.linear.batching import NODE_TIME_SHARE
from edge_llm_gym.linear.policy import MAX_LOG_FACTOR, clipped_exp
from edge_llm_gym.linear.pricing import FEATURES, PricedEpochs, PricingPolicy, price_columns, weighted
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.pooled.observation import NODE_FEATURES

QUALITY_LEVELS = 21
"""Quality demands, from the lowest to the highest, for which thresholds are tabulated."""
LEVEL_FEATURES = ("one", "queue", "difficulty_shift")
BUDGET_SLACK_FEATURES = ("epoch", "shared_time")
_TIME_UNTIL_FREE = NODE_FEATURES.index("time_until_free")


class Parameters(NamedTuple):
    """The parameters by what they change."""

    prices: Array  # [R, F] weights of FEATURES; R is 1 for parameters that all rows share
    node_time_price: Array  # [R, K1 + 1] of each entry node, and the slope over the queue
    levels: Array  # [R, 3 + 1] weights of LEVEL_FEATURES at the entry nodes, and one number for the deeper nodes
    links: Array  # [R, links + 1] of each link, and the slope over the time until the receiver is free
    budget_slack: Array  # [R, 2] weights of BUDGET_SLACK_FEATURES


class LinearBatchingRouting(PricingPolicy):
    """Prices, node time prices, threshold levels and offload shares, each linear in features of the observation.

    Prices are those of `LinearBatching` over the entry nodes. Thresholds are just high enough for a quality demand: for
    the highest demand at zero parameters, and lower by level @ (1, queue, difficulty shift) of the range at the entry
    nodes, by one number at the deeper ones. A link's weight is exp(own - slope * time until its receiver is free).
    Latency budgets grow by budget_slack @ (an epoch, the request's shared time), since batches end earlier when
    requests exit early.
    """

    def __init__(
        self, scenario: Scenario, parameters: ArrayLike | None = None, search: str = "exact", num_threads: int = 1
    ) -> None:
        super().__init__(scenario, parameters, search, num_threads)
        self._reader, network = CompositeReader(scenario), scenario.network
        self._levels = self._reader.threshold_levels(QUALITY_LEVELS)
        self._deep = network.stage > 0
        self._links = network.has_link[network.entry_nodes]
        rate_per_s = self._reader.constants.rate_per_s
        self._arrivals_per_epoch = rate_per_s * scenario.epoch_s
        mean_value = float(np.mean(scenario.requests.value))
        self._base_price_per_s = NODE_TIME_SHARE * rate_per_s * mean_value / network.entry_nodes.size
        self._sent = self._reader.initial_estimate().forwarded

    @staticmethod
    def size(scenario: Scenario) -> int:
        """Number of parameters."""
        return sum(_sizes(scenario))

    def priced(self, observation: Observation, parameters: Array) -> PricedEpochs:
        """Prices, thresholds and offload shares for observations of R rows under parameters [R or 1, P]."""
        rows, epoch_s, own = self._reader.read_rows(observation), self.scenario.epoch_s, self._named(parameters)
        queue = rows.visible.sum(axis=1) / self._arrivals_per_epoch - 1.0
        confidence = np.asarray(observation["exit_confidence"])[:, 0]
        shifts = self._reader.difficulty_mix.nearest_shifts(confidence, NO_SHIFT)
        threshold = self._thresholds(own.levels, queue, DIFFICULTY_SHIFTS[shifts])
        offload = self._offload(own.links, observation)
        forecast = self._forecast(shifts, threshold, offload)
        costs, value = self._expect(rows, observation, forecast, own.budget_slack)
        columns = price_columns(costs, observation, epoch_s)
        free_s = np.maximum(epoch_s - rows.busy_s, 0.0) * (1.0 - MARGIN)
        others = {"offload": self._as_matrix(offload), "threshold": threshold.astype(np.float32)}
        price_per_s = self._node_time_price(own.node_time_price, queue)
        return PricedEpochs(
            rows, costs, columns, value * clipped_exp(weighted(columns, own.prices)), price_per_s, free_s, others
        )

    def _named(self, parameters: Array) -> Parameters:
        return Parameters(*np.split(parameters, np.cumsum(_sizes(self.scenario))[:-1], axis=1))

    def _forecast(self, shifts: Array, threshold: Array, offload: Array) -> ExitForecast:
        exits = [self._reader.exit_forecaster.exits(*pair) for pair in zip(shifts.tolist(), threshold, strict=True)]
        stacked = ExitProbabilities(*(np.stack(arrays) for arrays in zip(*exits, strict=True)))
        return exit_forecast(stacked, offload)

    def _expect(
        self, rows: BatchingArrays, observation: Observation, forecast: ExitForecast, budget_slack: Array
    ) -> tuple[BatchingArrays, Array]:
        sent = np.broadcast_to(self._sent, (len(rows.visible), self._sent.size))
        expected, value = self._reader.expected_costs(rows, observation, sent, forecast)
        fixed, relative = budget_slack.T[..., None, None]
        slack_s = fixed * self.scenario.epoch_s + relative * expected.shared_time_s
        return expected._replace(budget_s=expected.budget_s + slack_s), value

    def _node_time_price(self, own: Array, queue: Array) -> Array:
        """[R, K1] value that a second of an entry node costs."""
        return self._base_price_per_s * clipped_exp(own[:, :-1] + own[:, -1:] * queue[:, None])

    def _thresholds(self, levels: Array, queue: Array, difficulty_shift: Array) -> Array:
        """[R, K], rounded to float32 as the transition receives them."""
        features = np.stack([np.ones_like(queue), queue, difficulty_shift], axis=1)
        entry = self._level_indices((features * levels[:, :-1]).sum(axis=1))
        deep = self._level_indices(np.broadcast_to(levels[:, -1], queue.shape))
        return np.where(self._deep, self._levels[deep], self._levels[entry]).astype(np.float32).astype(np.float64)

    def _level_indices(self, lower: Array) -> Array:
        """[R] indices of levels: the highest one at 0, the lowest at 1."""
        last = len(self._levels) - 1
        return np.rint(last * (1.0 - np.clip(lower, 0.0, 1.0))).astype(np.int64)

    def _offload(self, links: Array, observation: Observation) -> Array:
        """[R, K1, K] shares of the deeper nodes."""
        busy = np.asarray(observation["nodes"], np.float64)[:, None, :, _TIME_UNTIL_FREE]
        own = np.zeros((len(links), *self._links.shape))
        own[:, self._links] = links[:, :-1]
        factor = clipped_exp(own - links[:, -1, None, None] * np.minimum(busy, MAX_LOG_FACTOR))
        weight = np.where(self._links, factor, 0.0)
        return weight / weight.sum(axis=2, keepdims=True)

    def _as_matrix(self, offload: Array) -> Array:
        """[R, K, K] float32: the rows of the entry nodes, zeros in the others."""
        nodes = self._deep.size
        matrix = np.zeros((len(offload), nodes, nodes), np.float32)
        matrix[:, self.scenario.network.entry_nodes] = offload
        return matrix


def _sizes(scenario: Scenario) -> tuple[int, ...]:
    """Lengths of the fields of Parameters."""
    network = scenario.network
    links = int(network.has_link[network.entry_nodes].sum())
    return (
        len(FEATURES),
        network.entry_nodes.size + 1,
        len(LEVEL_FEATURES) + 1,
        links + 1,
        len(BUDGET_SLACK_FEATURES),
    )
