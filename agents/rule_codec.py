"""The rule codec: one choice per epoch, of the rule that ranks the requests and of how far batches may overrun.

Choosing among dispatching rules is how algorithms of one discrete choice (DQN) schedule whole batches on native rows;
`edge_llm_gym.codecs.wrappers.SequentialWrapper` asks about one request after another instead, on a single environment.
"""

from collections.abc import Callable, Mapping
from itertools import product
from types import MappingProxyType
from typing import Final

import numpy as np
from gymnasium import spaces

from agents.epoch_tokens import EpochTokens
from edge_llm_gym.actions import ActionError
from edge_llm_gym.arrays import Array
from edge_llm_gym.codecs.codec import Action, Observation
from edge_llm_gym.codecs.priority import LONGEST_OVERRUN, Priority
from edge_llm_gym.scenario import Scenario

Rule = Callable[[Mapping[str, Array]], Array]
"""Pair features [R, N, K] by name -> scores [R, N, K], the highest first."""

RULES: Final[Mapping[str, Rule]] = MappingProxyType(
    {
        "prior": lambda columns: columns["prior"],
        "least-slack": lambda columns: -columns["slack"],
        "shortest": lambda columns: -columns["work"],
        "densest": lambda columns: columns["density"],
    }
)
OVERRUNS: Final = (0.0, 0.5, 1.0)
"""Epochs that a batch may run past the time at which the next one could begin."""
CHOICES: Final = tuple(product(RULES, OVERRUNS))
"""What the actions 1, 2, ... mean; 0 lets everybody wait."""
SCORE_BOUND = 6.0


class Rules:
    """Discrete: 0 lets everybody wait, others name a rule and an overrun of CHOICES, on all nodes alike; serves DQN."""

    def __init__(self, scenario: Scenario) -> None:
        if scenario.dynamics != "batching":
            raise ValueError(f"the rule codec ranks requests of dynamics 'batching', got {scenario.dynamics!r}")
        self._tokens = EpochTokens(scenario)
        self._priority = Priority(scenario, caps=True)
        self._nodes = len(scenario.nodes)
        self.space = spaces.Discrete(1 + len(CHOICES))

    def decode(self, action: Array, observation: Observation) -> Action:
        """Batch and least bandwidth for choices [R]. Raises ActionError for anything else."""
        choice = self._checked(action)
        columns = self._tokens.columns(observation)
        scores = np.stack([RULES[rule](columns) for rule, _ in CHOICES])
        chosen = scores[np.maximum(choice, 1) - 1, np.arange(choice.size)]
        joins = (columns["feasible"] > 0) & (choice > 0)[:, None, None]
        score = np.where(joins, np.tanh(chosen / SCORE_BOUND) / 2.0 + 0.5, -1.0)
        caps = np.array([0.0, *(overrun for _, overrun in CHOICES)])[choice] * 2.0 / LONGEST_OVERRUN - 1.0
        flat = np.column_stack([score.reshape(choice.size, -1), np.repeat(caps[:, None], self._nodes, axis=1)])
        return self._priority.decode(flat, observation)

    def _checked(self, action: Array) -> Array:
        choice = np.asarray(action)
        if choice.ndim != 1 or choice.dtype.kind not in "iu" or not ((choice >= 0) & (choice < self.space.n)).all():
            raise ActionError(f"actions must be whole numbers [R] in 0..{self.space.n - 1}, got {action!r}")
        return choice.astype(np.int64)

    def encode(self, action: Mapping[str, Array], observation: Observation) -> Array:
        """There is no way back from an action to a rule: raises NotImplementedError."""
        raise NotImplementedError("the rule codec cannot be cloned into: imitate through codec 'priority'")

    def mask(self, observation: Observation) -> None:
        """No masks: every action is feasible."""
        return
