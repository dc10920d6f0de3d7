"""The priced codec: the policy prices requests, OT-GAH (on one node DFTSP, exactly) solves for those prices."""

from collections.abc import Mapping

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.codecs.codec import Action, Observation, flat_box, unit
from edge_llm_gym.decoding.assignment import with_least_shares
from edge_llm_gym.decoding.batching import checked_overrun_s
from edge_llm_gym.decoding.readers import batch_reader
from edge_llm_gym.problems import AssignmentProblem
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.solvers import ot_gah

PRICED_NODE_LIMIT = 100_000
"""Limit on the search nodes of one oracle query."""


class Priced:
    """A price p in [-1, 1] per request multiplies its value by 1 + p for this epoch's problem; -1 lets it wait.

    At 0 everywhere it is the expert `ot-gah` (on one node the exact one). Every action is feasible. Serves algorithms
    of continuous actions: PPO, A2C, SAC, TD3. With `pairs` there is a price for each request on each node, [N * K].
    `overrun_s` is that of `make_expert`, one epoch when left out.
    """

    def __init__(self, scenario: Scenario, overrun_s: float | None = None, pairs: bool = False) -> None:
        self._reader = batch_reader(scenario, checked_overrun_s(scenario, overrun_s))
        self._slots, self._nodes, self._pairs = scenario.slots, scenario.network.entry_nodes.size, pairs
        self.space = flat_box(self._slots * (self._nodes if pairs else 1))

    def decode(self, action: Array, observation: Observation) -> Action:
        """Batch and least bandwidth for prices [R, N] or [R, N * K]."""
        prices = (
            unit(action, self.space.shape[0])
            .astype(np.float64)
            .reshape(-1, self._slots, self.space.shape[0] // self._slots)
        )
        arrays = self._reader.read_rows(observation)
        factor = np.broadcast_to(1.0 + prices, (*prices.shape[:2], self._nodes))
        node = np.zeros(arrays.shown.shape, np.int64)
        for row, shown in enumerate(arrays.shown):
            problem = _repriced(self._reader.epoch_of(arrays, row).problem, factor[row, shown])
            node[row, shown] = _solved(problem)
        return with_least_shares(node, arrays)

    def encode(self, action: Mapping[str, Array], observation: Observation) -> Array:
        """1 for whom the action admits, -1 for all others; without `pairs` the solver is free to choose the nodes.

        Then, on several nodes, it may leave somebody out: OT-GAH is an approximation.
        """
        batch = np.asarray(action["batch"])
        if not self._pairs:
            return np.where(batch > 0, np.float32(1.0), np.float32(-1.0))
        joined = batch[..., None] == np.arange(1, self._nodes + 1)
        return np.where(joined, np.float32(1.0), np.float32(-1.0)).reshape(len(batch), -1)

    def mask(self, observation: Observation) -> None:
        """No masks: every action is feasible."""
        return


def _repriced(problem: AssignmentProblem, factor: Array) -> AssignmentProblem:
    """The problem with values times factor [n, K]."""
    return problem.replace(value=[node.value * factor[:, index] for index, node in enumerate(problem.nodes)])


def _solved(problem: AssignmentProblem) -> Array:
    """Node [n] of the solution; who is worth nothing where it was put waits instead."""
    node = ot_gah.solve(problem, improve=True, node_limit=PRICED_NODE_LIMIT).node
    worth = np.stack([np.zeros(node.size), *(each.value for each in problem.nodes)], axis=-1)
    return np.where(np.take_along_axis(worth, node[:, None], axis=1)[:, 0] > 0.0, node, 0)
