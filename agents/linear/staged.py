"""A linear policy of batching-and-routing dynamics: prices and rents as in epochs, and how sure an early answer must be.

What requests cost and are worth on an entry node are the means to expect under the thresholds and the shares of the
deeper nodes, as the experts reckon them (`edge_llm_gym.decoding.exit_forecast`).
"""

import numpy as np
from numpy.typing import ArrayLike

from agents.linear.policy import Action, LinearPolicy, Observation
from agents.linear.prices import FEATURES, OVERRUNS, RENT_SHARE, STEEPEST, bent, price_columns
from agents.linear.timed import assign
from edge_llm_gym.arrays import Array
from edge_llm_gym.decoding.assignment import with_least_shares
from edge_llm_gym.decoding.batching import MARGIN, BatchingArrays
from edge_llm_gym.decoding.composite import CompositeReader
from edge_llm_gym.decoding.difficulty_mix import DIFFICULTY_SHIFTS, NO_SHIFT
from edge_llm_gym.decoding.exit_forecast import ExitForecast, ExitProbabilities, exit_forecast
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.pooled.observation import NODE_FEATURES

COST_DRIVERS = 21
"""Demands, from the lowest to the highest, for which thresholds are known."""
LEVEL_FEATURES = ("one", "queue", "difficulty_shift")
LEEWAYS = 2
_TIME_UNTIL_FREE = NODE_FEATURES.index("time_until_free")


class LinearStaged(LinearPolicy):
    """Prices, rents, levels and shares, each linear in what is observed before its bend.

    Prices and rents are those of `LinearPrices` over the entry nodes. Thresholds are high enough for a demand: for the
    highest one at zero, and lower by level @ (1, queue, difficulty_shift of the mix) of their range at the entry nodes, by one
    number at the deeper ones. A link's weight is exp(own - slope * time until its sample_next_node is free). Budgets grow by
    leeway @ (an epoch, the request's shared time), since batches end early that requests leave early. The parameters
    are the F weights, K1 rents and their slope, 3 + 1 levels, one number for each link and their slope, 2 leeways.
    """

    def __init__(self, scenario: Scenario, parameters: ArrayLike | None = None) -> None:
        super().__init__(scenario, parameters)
        self._reader, network = CompositeReader(scenario), scenario.network
        self._levels = self._reader.threshold_levels(COST_DRIVERS)
        self._deep = network.stage > 0
        self._links = network.has_link[network.entry_nodes]
        rate_per_s = self._reader.constants.rate_per_s
        self._per_epoch = rate_per_s * scenario.epoch_s
        mean_value = float(np.mean(scenario.requests.value))
        self._rent_per_s = RENT_SHARE * rate_per_s * mean_value / network.entry_nodes.size
        self._sent = self._reader.initial_estimate().forwarded

    @staticmethod
    def size(scenario: Scenario) -> int:
        """Number of parameters."""
        network = scenario.network
        links = int(network.has_link[network.entry_nodes].sum())
        return len(FEATURES) + network.entry_nodes.size + 1 + len(LEVEL_FEATURES) + 1 + links + 1 + LEEWAYS

    def act(self, observation: Observation) -> Action:
        """All four kinds of action."""
        rows, epoch_s = self._reader.read_rows(observation), self.scenario.epoch_s
        prices, rents, levels, links, leeway = self._parts()
        queue = rows.visible.sum(axis=1) / self._per_epoch - 1.0
        confidence = np.asarray(observation["exit_confidence"])[:, 0]
        shifts = [self._reader.difficulty_mix.nearest_shift(row, NO_SHIFT) for row in confidence]
        threshold = self._thresholds(levels, queue, DIFFICULTY_SHIFTS[shifts])
        offload = self._offload(links, observation)
        exits = [self._reader.exit_forecaster.exits(*pair) for pair in zip(shifts, threshold, strict=True)]
        stacked = ExitProbabilities(*(np.stack(arrays) for arrays in zip(*exits, strict=True)))
        forecast = exit_forecast(stacked, offload)
        expected, worth = self._expect(rows, observation, forecast, leeway)
        free_s = np.maximum(epoch_s - rows.busy_s, 0.0) * (1.0 - MARGIN)
        rent_per_s = self._rent_per_s * bent(rents[:-1] + rents[-1] * queue[:, None])
        value = worth * bent(price_columns(expected, observation, epoch_s) @ prices)
        node = assign(expected, value, free_s, rent_per_s, epoch_s * np.array(OVERRUNS))
        return with_least_shares(node, rows) | {
            "offload": self._as_matrix(offload),
            "threshold": threshold.astype(np.float32),
        }

    def _parts(self) -> list[Array]:
        sizes = (len(FEATURES), self._links.shape[0] + 1, len(LEVEL_FEATURES) + 1, int(self._links.sum()) + 1)
        return np.split(self.parameters, np.cumsum(sizes))

    def _expect(
        self, rows: BatchingArrays, observation: Observation, forecast: ExitForecast, leeway: Array
    ) -> tuple[BatchingArrays, Array]:
        sent = np.broadcast_to(self._sent, (len(rows.visible), self._sent.size))
        expected, worth = self._reader.expected_costs(rows, observation, sent, forecast)
        longer_s = leeway[0] * self.scenario.epoch_s + leeway[1] * expected.shared_time_s
        return expected._replace(budget_s=expected.budget_s + longer_s), worth

    def _thresholds(self, levels: Array, queue: Array, difficulty_shift: Array) -> Array:
        """[R, K], rounded as the transition will see them."""
        features = np.stack([np.ones_like(queue), queue, difficulty_shift], axis=1)
        entry, deep = (self._places(lower) for lower in (features @ levels[:-1], np.full(queue.size, levels[-1])))
        return np.where(self._deep, self._levels[deep], self._levels[entry]).astype(np.float32).astype(np.float64)

    def _places(self, lower: Array) -> Array:
        """[R] places among the levels, the highest at 0 and below."""
        last = len(self._levels) - 1
        return np.rint(last * (1.0 - np.clip(lower, 0.0, 1.0))).astype(np.int64)

    def _offload(self, links: Array, observation: Observation) -> Array:
        """[R, K1, K] shares of the deeper nodes."""
        busy = np.asarray(observation["nodes"], np.float64)[:, None, :, _TIME_UNTIL_FREE]
        own = np.zeros(self._links.shape)
        own[self._links] = links[:-1]
        weight = np.where(self._links, bent(own - links[-1] * np.minimum(busy, STEEPEST)), 0.0)
        return weight / weight.sum(axis=2, keepdims=True)

    def _as_matrix(self, offload: Array) -> Array:
        """[R, K, K] float32: the rows of the entry nodes, and none of the others."""
        nodes = self._deep.size
        matrix = np.zeros((len(offload), nodes, nodes), np.float32)
        matrix[:, self.scenario.network.entry_nodes] = offload
        return matrix
