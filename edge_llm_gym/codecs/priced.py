"""The priced codec: the action scales the value of each request, and OT-GAH solves the scaled problem."""

from collections.abc import Mapping

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.codecs.codec import Action, Observation, checked_signed, signed_box
from edge_llm_gym.decoding.assignment import with_least_shares
from edge_llm_gym.decoding.batching import checked_overrun_s
from edge_llm_gym.decoding.readers import batch_reader
from edge_llm_gym.problems.rows import AssignmentRows
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.solvers import ot_gah

PRICED_NODE_LIMIT = 100_000
"""Limit on the search nodes of one oracle query."""


class Priced:
    """A price p in [-1, 1] per request scales its value by 1 + p in the problem of this epoch; at -1 it waits.

    With all prices 0 the action is that of the expert `ot-gah`, which is exact on a single node. Every action is
    feasible. Serves algorithms for continuous actions: PPO, A2C, SAC, TD3.

    Args:
        scenario: a scenario of pooled dynamics.
        overrun_s: as for `make_expert`; one epoch by default.
        pairs: whether there is a price for each request on each node, [N * K], instead of one per request, [N].
    """

    def __init__(self, scenario: Scenario, overrun_s: float | None = None, pairs: bool = False) -> None:
        self._reader = batch_reader(scenario, checked_overrun_s(scenario, overrun_s))
        self._slots, self._nodes, self._pairs = scenario.slots, scenario.network.entry_nodes.size, pairs
        self.space = signed_box(self._slots * (self._nodes if pairs else 1))

    def decode(self, action: Array, observation: Observation) -> Action:
        """Batch and minimum bandwidth for prices [R, N] or [R, N * K]."""
        prices = (
            checked_signed(action, self.space.shape[0], observation)
            .astype(np.float64)
            .reshape(-1, self._slots, self.space.shape[0] // self._slots)
        )
        arrays = self._reader.read_rows(observation)
        factor = np.broadcast_to(1.0 + prices, (*prices.shape[:2], self._nodes))
        problem = self._reader.epochs(arrays).problem
        return with_least_shares(_solved(_repriced(problem, factor)), arrays)

    def encode(self, action: Mapping[str, Array], observation: Observation) -> Array:
        """Price 1 for admitted requests (on their node, with `pairs`), and -1 for all others.

        Without `pairs` the solver chooses the nodes. On several nodes it may then leave requests out: OT-GAH is an
        approximation.
        """
        batch = np.asarray(action["batch"])
        if not self._pairs:
            return np.where(batch > 0, np.float32(1.0), np.float32(-1.0))
        joined = batch[..., None] == np.arange(1, self._nodes + 1)
        return np.where(joined, np.float32(1.0), np.float32(-1.0)).reshape(len(batch), -1)

    def mask(self, observation: Observation) -> None:
        """No masks: every action is feasible."""
        return


def _repriced(rows: AssignmentRows, factor: Array) -> AssignmentRows:
    """The problems with values times factor [R, N, K]."""
    value = rows.value * factor
    return rows._replace(value=value, net_value=value - rows.time_price[:, None] * rows.time_s)


def _solved(rows: AssignmentRows) -> Array:
    """Node [R, N] of the solutions; a request of value 0 on its node waits instead."""
    node = ot_gah.solve_rows(rows, improve=True, node_limit=PRICED_NODE_LIMIT)
    worth = np.take_along_axis(rows.value, np.maximum(node - 1, 0)[..., None], axis=2)[..., 0]
    return np.where(worth > 0.0, node, 0)
