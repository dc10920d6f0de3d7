"""The index codec: a few numbers bend the rule of thumb by which requests are ranked, greedy insertion does the rest.

Exploring a dozen weights that act on all requests at once tells a learner more than exploring a score for each pair.
"""

from collections.abc import Mapping

import numpy as np
from gymnasium import spaces

from agents.epoch_tokens import PAIR_FEATURES, EpochTokens
from edge_llm_gym.arrays import Array
from edge_llm_gym.codecs.codec import Action, Observation, checked_signed
from edge_llm_gym.codecs.priority import Priority
from edge_llm_gym.scenario import Scenario

BENT = (*PAIR_FEATURES[2:], "ease", "choice", "demand")
"""What the weights act on: all but the prior itself and whether a pair is feasible."""
REACH = 2.0
"""What a weight of 1 adds to that of the rule."""
SCORE_BOUND = 6.0


class Index:
    """Weights [W] on top of those of `agents.epoch_tokens.PRIOR_WEIGHTS`, node bonuses [K], and overrun caps [K].

    Box in [-1, 1]; serves PPO, A2C, SAC, TD3 with batching dynamics. All zeros is the rule of thumb.
    """

    def __init__(self, scenario: Scenario) -> None:
        if scenario.dynamics != "batching":
            raise ValueError(f"the index codec ranks requests of dynamics 'batching', got {scenario.dynamics!r}")
        self._tokens = EpochTokens(scenario)
        self._priority = Priority(scenario, caps=True)
        self._nodes = len(scenario.nodes)
        self.space = spaces.Box(-1.0, 1.0, (len(BENT) + 2 * self._nodes,), np.float32)

    def decode(self, action: Array, observation: Observation) -> Action:
        """Batch and least bandwidth."""
        flat = checked_signed(action, self.space.shape[0])
        weights, bonus, caps = np.split(flat, [len(BENT), len(BENT) + self._nodes], axis=1)
        columns = self._tokens.columns(observation)
        bent = sum(columns[name] * weights[:, place, None, None] for place, name in enumerate(BENT))
        score = columns["prior"] + REACH * (bent + bonus[:, None])
        # Feasible pairs all stay above zero: who waits is for the order and the caps to say.
        score = np.where(columns["feasible"] > 0, np.tanh(score / SCORE_BOUND) / 2.0 + 0.5, -1.0)
        return self._priority.decode(np.concatenate([score.reshape(len(flat), -1), caps], axis=1), observation)

    def encode(self, action: Mapping[str, Array], observation: Observation) -> Array:
        """There is no way back from an action to weights: raises NotImplementedError."""
        raise NotImplementedError("the index codec cannot be cloned into: imitate through codec 'priority'")

    def mask(self, observation: Observation) -> None:
        """No masks: every action is feasible."""
        return
