"""Batch problems from observations of continuous batching: a surrogate that keeps every deadline it promises.

Let b be the last boundary of a node, r the end of this uplink slot, W' the work that the sequences on the node have
left, and c0 the time of an iteration that they share. The node works without a pause while it has sequences. A request
i of a batch S that joins now therefore completes by

    r + c0 + W' + (sum of w over S) + v_i,

and a sequence j on the node, of which v'_j is left, by b + W' + (sum of w over S) + v'_j. Later joins aside, both are
kept if the sum of w over S is at most the budget of every request less c0, W' and v_i, and at most the slack of the
node, the least deadline less b + W' + v'_j. This is a BatchProblem without shared times. Of the term c0, which stands
for the iteration in progress at r, an idle node is free.

Sequences that may be late whatever joins do not limit the slack.
"""

from collections.abc import Mapping

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.decoding.batching import MARGIN, BatchingArrays, BatchingReader
from edge_llm_gym.decoding.energy_price import FREE, EnergyPrice
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.columns import SHARED
from edge_llm_gym.sim.pooled.observation import CONTINUOUS_NODE_FEATURES
from edge_llm_gym.sim.request_costs import DECODE_STEPS

_REMAINING_WORK = CONTINUOUS_NODE_FEATURES.index("remaining_work")
_SLACK = CONTINUOUS_NODE_FEATURES.index("slack")


class ContinuousReader(BatchingReader):
    """Converts observations of a scenario with continuous batching into epoch problems of the surrogate.

    Args:
        scenario: a scenario with continuous batching.
        overrun_s: as for `BatchingReader`.
        quantile: as for `BatchingReader`; what the sequences on the nodes have left is observed as predicted.
        energy_price: as for `BatchingReader`, for the work w of requests; iterations that they share are not priced.

    In `BatchingArrays`, `time_s` is w, `shared_time_s` is 0, `busy_s` is W' + c0, and the budgets leave v_i out.
    """

    def __init__(
        self,
        scenario: Scenario,
        overrun_s: float = np.inf,
        quantile: float | None = None,
        energy_price: EnergyPrice = FREE,
    ) -> None:
        super().__init__(scenario, overrun_s, quantile, energy_price)
        self._step_s = self._costs.cost_coefficients[self._costs.first_hosted, DECODE_STEPS, SHARED]

    def read_rows(self, observation: Mapping[str, Array]) -> BatchingArrays:
        """Costs and limits from the observations of R rows."""
        rows = super().read_rows(observation)
        nodes = np.asarray(observation["nodes"], np.float64)
        slack_s = nodes[..., _SLACK] * self._scales.budget_s
        return rows._replace(
            shared_time_s=np.zeros_like(rows.shared_time_s),
            budget_s=np.where(rows.budget_s < 0.0, -1.0, rows.budget_s - rows.shared_time_s),
            slack_s=np.maximum(slack_s - MARGIN * (slack_s + 1.0), 0.0),
        )

    def _busy_s(self, nodes: Array) -> Array:
        """[R, K] work in s of the sequences on each node, and the iteration in progress."""
        work_s = nodes[..., _REMAINING_WORK] * self.scenario.epoch_s
        return np.where(work_s > 0.0, work_s + self._step_s, 0.0)
