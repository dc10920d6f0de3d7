"""The linear policy of streaming dynamics: corrections of a steady-state plan by queues, arrivals and confidences."""

import numpy as np
from numpy.typing import ArrayLike

from edge_llm_gym.arrays import Array
from edge_llm_gym.experts.policy import Action, Observation
from edge_llm_gym.linear.policy import LinearPolicy
from edge_llm_gym.linear.residual_plan import GLOBAL_CORRECTIONS, ResidualPlan
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.exit_observation import QUANTILES
from edge_llm_gym.sim.streaming.observation import NODE_FEATURES

COMMITTED = NODE_FEATURES.index("committed")
MEDIAN = QUANTILES.index(0.5)
MAX_COMMITTED = 3.0
"""Epochs of committed time beyond which longer queues are not distinguished."""
MIDDLE_CONFIDENCE = 0.5
CONFIDENCE_SCALE = 3.0
GENERAL_FEATURES = ("one", "confidence", "arrivals")
"""Followed by the committed time of each stage."""


class LinearStreaming(LinearPolicy):
    """Queue penalty, channel preference and threshold shifts [2 + S] linear in features [F], and node biases [K].

    Features of S stages: 1, the median confidence at the first exit less its middle, arrivals less their mean, and the
    mean committed time of each stage's nodes. The parameters are F x (2 + S) numbers, then K.
    """

    def __init__(
        self, scenario: Scenario, parameters: ArrayLike | None = None, search: str = "exact", num_threads: int = 1
    ) -> None:
        super().__init__(scenario, parameters, search, num_threads)
        self._plan, network = ResidualPlan(scenario), scenario.network
        self._members = [network.stage == stage for stage in range(network.stages)]

    @staticmethod
    def size(scenario: Scenario) -> int:
        """Number of parameters."""
        stages = scenario.network.stages
        return (len(GENERAL_FEATURES) + stages) * (GLOBAL_CORRECTIONS + stages) + len(scenario.nodes)

    def act_with(self, observation: Observation, parameters: Array) -> Action:
        """Offload and threshold."""
        return self._plan.corrected(self.corrections(observation, parameters), observation)

    def corrections(self, observation: Observation, parameters: Array) -> Array:
        """Corrections [R, 2 + 2 K] of the plan in [-1, 1], float32, for parameters [R or 1, P]."""
        stages, nodes = len(self._members), len(self.scenario.nodes)
        width = GLOBAL_CORRECTIONS + stages
        weights, bias = parameters[:, :-nodes].reshape(len(parameters), -1, width), parameters[:, -nodes:]
        outputs = (self._features(observation)[:, None, :] @ weights)[:, 0]
        shift = sum(
            outputs[:, GLOBAL_CORRECTIONS + stage, None] * members for stage, members in enumerate(self._members)
        )
        biases = np.broadcast_to(bias, (len(outputs), nodes))
        return np.clip(np.concatenate([outputs[:, :GLOBAL_CORRECTIONS], biases, shift], axis=1), -1.0, 1.0).astype(
            np.float32
        )

    def _features(self, observation: Observation) -> Array:
        committed = np.minimum(np.asarray(observation["nodes"], np.float64)[..., COMMITTED], MAX_COMMITTED)
        confidence = np.asarray(observation["exit_confidence"])[:, 0, MEDIAN]
        columns = [
            np.ones(len(committed)),
            CONFIDENCE_SCALE * (confidence - MIDDLE_CONFIDENCE),
            np.asarray(observation["arrivals"]).mean(axis=1) - 1.0,
            *(committed[:, members].mean(axis=1) for members in self._members),
        ]
        return np.stack(columns, axis=1)
