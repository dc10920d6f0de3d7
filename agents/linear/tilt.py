"""A linear policy of streams: from how full the stages are and how sure the first answers to the tilt of a plan."""

import numpy as np
from numpy.typing import ArrayLike

from agents.linear.policy import Action, LinearPolicy, Observation
from agents.tilt_codec import Tilt
from edge_llm_gym.arrays import Array
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.exit_observation import (
    QUANTILES,
)
from edge_llm_gym.sim.streaming.observation import (
    NODE_FEATURES,
)

COMMITTED = NODE_FEATURES.index("committed")
MEDIAN = QUANTILES.index(0.5)
MOST_CLAIMED = 3.0  # epochs; longer queues look the same


class LinearTilt(LinearPolicy):
    """Slope and threshold shifts [1 + S] linear in the features [F], and a bonus [K] for each node.

    Features of S stages: 1, the median confidence at the first exit about its middle, arrivals about their mean, and
    the mean claimed time of each stage's nodes. The parameters are F x (1 + S) numbers, then K.
    """

    def __init__(self, scenario: Scenario, parameters: ArrayLike | None = None) -> None:
        super().__init__(scenario, parameters)
        self._codec, network = Tilt(scenario), scenario.network
        self._members = [network.stage == stage for stage in range(network.stages)]

    @staticmethod
    def size(scenario: Scenario) -> int:
        """Number of parameters."""
        stages = scenario.network.stages
        return (3 + stages) * (1 + stages) + len(scenario.nodes)

    def act(self, observation: Observation) -> Action:
        """Offload and threshold."""
        return self._codec.decode(self.flat(observation), observation)

    def flat(self, observation: Observation) -> Array:
        """Numbers of the tilt codec [R, 1 + 2 K] for a batch."""
        stages, nodes = len(self._members), len(self.scenario.nodes)
        weights, bonus = self.parameters[:-nodes].reshape(-1, 1 + stages), self.parameters[-nodes:]
        outputs = self._features(observation) @ weights
        shift = sum(outputs[:, 1 + stage, None] * members for stage, members in enumerate(self._members))
        bonuses = np.broadcast_to(bonus, (len(outputs), nodes))
        return np.clip(np.concatenate([outputs[:, :1], bonuses, shift], axis=1), -1.0, 1.0)

    def _features(self, observation: Observation) -> Array:
        claimed = np.minimum(np.asarray(observation["nodes"], np.float64)[..., COMMITTED], MOST_CLAIMED)
        columns = [
            np.ones(len(claimed)),
            3.0 * (np.asarray(observation["exit_confidence"])[:, 0, MEDIAN] - 0.5),
            np.asarray(observation["arrivals"]).mean(axis=1) - 1.0,
            *(claimed[:, members].mean(axis=1) for members in self._members),
        ]
        return np.stack(columns, axis=1)
