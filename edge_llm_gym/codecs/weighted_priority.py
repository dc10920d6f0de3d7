"""The weighted-priority codec: a few weights change the linear score by which greedy insertion ranks requests.

Exploration of a dozen weights that act on all requests at once gives a clearer learning signal than exploration of a
score for each pair.
"""

from collections.abc import Mapping

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.codecs.codec import Action, Observation, checked_signed, signed_box
from edge_llm_gym.codecs.priority import Priority
from edge_llm_gym.decoding.pair_features import EXTRA_FEATURES, PAIR_FEATURES, PairFeatures
from edge_llm_gym.scenario import Scenario

WEIGHTED_FEATURES = (*(name for name in PAIR_FEATURES if name not in ("prior", "feasible")), *EXTRA_FEATURES)
"""The features that the weights act on."""
WEIGHT_SCALE = 2.0
"""What a number of 1 adds to a weight of the linear score."""
SCORE_BOUND = 6.0
"""Scores x become priorities tanh(x / SCORE_BOUND) / 2 + 1 / 2."""


class WeightedPriority:
    """Weights [W] added to PRIOR_WEIGHTS of `decoding.pair_features`, node biases [K] and overrun caps [K].

    Box in [-1, 1]; serves PPO, A2C, SAC, TD3 with batching dynamics. All zeros is the hand-made score itself.
    """

    def __init__(self, scenario: Scenario) -> None:
        if scenario.dynamics != "batching":
            raise ValueError(
                f"codec 'weighted_priority' ranks requests of dynamics 'batching', got {scenario.dynamics!r}"
            )
        self._features = PairFeatures(scenario)
        self._priority = Priority(scenario, caps=True)
        self._nodes = len(scenario.nodes)
        self.space = signed_box(len(WEIGHTED_FEATURES) + 2 * self._nodes)

    def decode(self, action: Array, observation: Observation) -> Action:
        """Batch and minimum bandwidth for flat actions [R, W + 2 K]."""
        flat = checked_signed(action, self.space.shape[0], observation)
        weights, bias, caps = np.split(flat, [len(WEIGHTED_FEATURES), len(WEIGHTED_FEATURES) + self._nodes], axis=1)
        columns = self._features.read(observation)
        weighted = sum(columns[name] * weights[:, index, None, None] for index, name in enumerate(WEIGHTED_FEATURES))
        score = columns["prior"] + WEIGHT_SCALE * (weighted + bias[:, None])
        # Feasible pairs all stay above zero: the order and the caps decide which requests wait.
        score = np.where(columns["feasible"] > 0, np.tanh(score / SCORE_BOUND) / 2.0 + 0.5, -1.0)
        return self._priority.decode(np.concatenate([score.reshape(len(flat), -1), caps], axis=1), observation)

    def encode(self, action: Mapping[str, Array], observation: Observation) -> Array:
        """Raises NotImplementedError: an action does not determine weights."""
        raise NotImplementedError("codec 'weighted_priority' has no inverse: imitate through codec 'priority'")

    def mask(self, observation: Observation) -> None:
        """No masks: every action is feasible."""
        return
