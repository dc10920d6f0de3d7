"""Expected costs and values of requests at the entry nodes of a two-stage network, given an exit forecast.

The work of a request is its mean over the exits, its shared time that of all blocks of the entry node. The value of a
request is multiplied with the probability that its answer meets its quality demand. If time allows, the budget at an
entry node leaves time for the deeper nodes; else it is the budget of an answer at the entry node, and only answers
there count.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.decoding.batching import MARGIN, BatchingArrays
from edge_llm_gym.decoding.composite_constants import CompositeConstants
from edge_llm_gym.decoding.exit_forecast import ExitForecast
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.pooled.observation import NODE_FEATURES
from edge_llm_gym.sim.request_costs import RequestCosts
from edge_llm_gym.sim.wire_times import wire_times_s

ENTRY_EPOCHS: Final = 0.5
"""Epochs from the decision until a forwarded request is assumed to reach its deeper node."""
SHARE_AHEAD: Final = 0.5
"""Share of the requests forwarded in the same epoch that is assumed to be computed first."""
MIN_PROBABILITY: Final = 1e-12
"""Lower bound on a probability that is divided by."""
_TIME_UNTIL_FREE = NODE_FEATURES.index("time_until_free")


class ExpectedCosts:
    """Computes expected costs and values for one scenario. Stages 0 and 1 hold the K1 entry and the deeper nodes."""

    def __init__(self, scenario: Scenario, costs: RequestCosts, constants: CompositeConstants) -> None:
        self._scenario, network = scenario, scenario.network
        self._epoch_s, self._costs, self._entry_nodes = scenario.epoch_s, costs, network.entry_nodes
        self._last = costs.last_hosted[self._entry_nodes]
        self._whole_work_s = constants.mean_work_s[np.arange(network.stage.size), network.last_block]
        hosted, entry = np.arange(int(costs.last_hosted.max()) + 1), self._entry_nodes[:, None]
        self._node_of_hosted = np.searchsorted(costs.first_hosted, hosted, side="right") - 1
        self._is_entry_block = (hosted >= costs.first_hosted[entry]) & (hosted <= costs.last_hosted[entry])

    def __call__(
        self, rows: BatchingArrays, observation: Mapping[str, Array], forwarded: Array, forecast: ExitForecast
    ) -> tuple[BatchingArrays, Array]:
        """R rows with expected times and budgets, and expected values [R, N, K1].

        Args:
            rows: the costs of requests that compute all blocks of their entry node.
            observation: the observation of the R rows.
            forwarded: [R, K] requests forwarded per epoch to each deeper node.
            forecast: exit probabilities of the R rows.
        """
        tokens = rows.prompt_tokens.ravel(), rows.output_tokens.ravel()
        work_s, shared_s, _ = self._costs.costs(*tokens).reshape(3, *rows.visible.shape, -1)
        time_s = self._mean_work_s(work_s, forecast)
        share = forecast.reach_probability / np.maximum(forecast.forward_probability, MIN_PROBABILITY)[..., None]
        after_s = self._deep_time_s(observation, forwarded, work_s + shared_s, share) + self._wire_time_s(rows, share)
        entry, deep = self._good_probability(rows, forecast)
        in_time = time_s + rows.shared_time_s <= rows.budget_s - after_s
        budget_s = np.where(in_time, rows.budget_s - after_s, rows.budget_s)
        value = rows.value[..., None] * np.where(in_time, entry + deep, entry)
        return rows._replace(time_s=time_s, budget_s=budget_s), value

    def deep_price(self, rows: BatchingArrays, forecast: ExitForecast, time_price: Array) -> Array:
        """[R, N, K1] price of the mean work on deeper nodes, for time_price [K] in value per s of each node.

        Shared time is left out there: requests of several entry nodes divide it.
        """
        tokens = rows.prompt_tokens.ravel(), rows.output_tokens.ravel()
        work_s = self._costs.costs(*tokens)[0].reshape(*rows.visible.shape, -1)
        price = work_s * time_price[self._node_of_hosted]
        deep = forecast.exit_probability * ~self._is_entry_block
        return np.einsum("rnp,rep->rne", price, deep)

    def _good_probability(self, rows: BatchingArrays, forecast: ExitForecast) -> tuple[Array, Array]:
        """[R, N, K1] probabilities of leaving with a sufficient quality, at the entry node and at deeper nodes."""
        good = forecast.quality[:, None] >= rows.quality_demand[..., None, None] + MARGIN
        probability = good * forecast.exit_probability[:, None]
        entry = (probability * self._is_entry_block).sum(axis=3)
        return entry, probability.sum(axis=3) - entry

    def _mean_work_s(self, work_s: Array, forecast: ExitForecast) -> Array:
        """[R, N, K1] mean work at the entry nodes; forwarded requests compute all blocks."""
        leaving_s = np.einsum("rnp,rep->rne", work_s, forecast.exit_probability * self._is_entry_block)
        return leaving_s + work_s[..., self._last] * forecast.forward_probability[:, None]

    def _wire_time_s(self, rows: BatchingArrays, share: Array) -> Array:
        """[R, N, K1] time of a forwarded request on the wire, whose shares by deeper node are `share` [R, K1, K]."""
        wire_s = wire_times_s(self._scenario, rows.prompt_tokens, rows.output_tokens)[..., self._entry_nodes, :]
        return np.einsum("rnek,rek->rne", np.where(np.isfinite(wire_s), wire_s, 0.0), share)

    def _deep_time_s(self, observation: Mapping[str, Array], forwarded: Array, through_s: Array, share: Array) -> Array:
        """[R, N, K1] time of a forwarded request on deeper nodes: their queue, and its batch there."""
        busy_s = np.asarray(observation["nodes"], np.float64)[..., _TIME_UNTIL_FREE] * self._epoch_s
        queue_s = np.maximum(busy_s - ENTRY_EPOCHS * self._epoch_s, 0.0) + SHARE_AHEAD * forwarded * self._whole_work_s
        on_node_s = queue_s[:, None] + through_s[..., self._costs.last_hosted]
        return np.einsum("rnk,rek->rne", on_node_s, share)
