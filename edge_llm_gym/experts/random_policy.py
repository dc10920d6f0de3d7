"""The random baseline: independent uniform actions in every epoch, feasible or not."""

import numpy as np

from edge_llm_gym.experts.policy import Action, BatchPolicy, Memory, Observation
from edge_llm_gym.rows import ROW_KEY
from edge_llm_gym.scenario import Scenario


class RandomPolicy(BatchPolicy):
    """Uniform numbers in [0, 1] for every continuous part of the action, uniform nodes for the batches.

    Args:
        scenario: the scenario of the actions.
        rng: source of all random numbers.
        shapes: key -> shape of the continuous parts of one row's action, in the order in which they are drawn.
        batch_nodes: number of nodes that a slot can be assigned to; 0 for dynamics without batches.
    """

    def __init__(
        self, scenario: Scenario, rng: np.random.Generator, shapes: dict[str, tuple[int, ...]], batch_nodes: int = 0
    ) -> None:
        super().__init__("random", scenario)
        self._rng, self._shapes, self._batch_nodes = rng, shapes, batch_nodes

    def act_rows(self, observation: Observation, memory: Memory, deterministic: bool) -> tuple[Action, Memory]:
        """Independent random actions of R rows."""
        rows = len(observation[ROW_KEY])
        action: Action = {key: self._rng.random((rows, *shape), np.float32) for key, shape in self._shapes.items()}
        if self._batch_nodes:
            action["batch"] = self._rng.integers(self._batch_nodes + 1, size=(rows, self.scenario.slots))
        return action, memory


def random_streaming(scenario: Scenario, rng: np.random.Generator) -> RandomPolicy:
    """Random offload weights and thresholds."""
    nodes, devices = len(scenario.nodes), scenario.devices.count
    return RandomPolicy(scenario, rng, {"offload": (devices + nodes, nodes), "threshold": (nodes,)})


def random_batching_routing(scenario: Scenario, rng: np.random.Generator) -> RandomPolicy:
    """Random batches, bandwidth weights, offload weights and thresholds."""
    nodes = len(scenario.nodes)
    shapes = {"bandwidth": (scenario.slots, 2), "offload": (nodes, nodes), "threshold": (nodes,)}
    return RandomPolicy(scenario, rng, shapes, batch_nodes=scenario.network.entry_nodes.size)
