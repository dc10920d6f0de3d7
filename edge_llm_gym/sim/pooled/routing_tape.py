"""Draws the tape of batching-and-routing dynamics."""

from typing import Any

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.models.exits import ExitProfile
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.exit_rows import ProfileRows
from edge_llm_gym.sim.node_costs import NodeCosts
from edge_llm_gym.sim.pooled.tape import PooledTapeGenerator
from edge_llm_gym.sim.request_costs import RequestCosts, forward_bits
from edge_llm_gym.sim.streaming.dynamics import answers_by_threshold
from edge_llm_gym.sim.tape import Generator
from edge_llm_gym.workload.workload import Arrivals


class RoutingTapeGenerator(PooledTapeGenerator):
    """Draws the episodes of a scenario of batching-and-routing dynamics."""

    def __init__(self, scenario: Scenario, costs: RequestCosts) -> None:
        assert scenario.exits is not None
        self._rows = ProfileRows(scenario.exits)
        self.profile = self._rows.profile
        super().__init__(scenario, costs, _most_offered(costs.nodes, self.profile))

    def _write_rest(self, rng: Generator, arrivals: Arrivals, tape: Any, row: int) -> None:
        super()._write_rest(rng, arrivals, tape, row)
        size = arrivals.arrival_s.size
        tape.route[row, :size] = rng.random((size, tape.route.shape[2]))
        self._rows.write(rng, arrivals.arrival_s, tape.confidence[row], tape.correct[row])
        tape.forward_bits[row, :size] = forward_bits(self.scenario, arrivals.prompt_tokens, arrivals.output_tokens)


def _most_offered(nodes: tuple[NodeCosts, ...], profile: ExitProfile) -> Array:
    """[K] the best quality that requests may be offered which come in at a node, at any exit under any threshold.

    The surest answers are right more often than those of the full model are on average, so it may exceed the factor of
    the node's quantisation.
    """
    _, tail_accuracy = answers_by_threshold(profile)
    relative = max(tail_accuracy[:-1].max(initial=0.0), 1.0)
    return np.minimum(np.array([node.quality for node in nodes]) * relative, 1.0)
