"""The dispatch-rule codec: one choice per epoch, of the rule that ranks the requests and of the overrun of the batches.

With it, algorithms of one discrete choice (DQN) schedule whole batches on native rows;
`edge_llm_gym.codecs.wrappers.SequentialWrapper` decides one request after another instead, on a single environment.
"""

from collections.abc import Callable, Mapping
from itertools import product
from types import MappingProxyType
from typing import Final

import numpy as np
from gymnasium import spaces

from edge_llm_gym.arrays import Array
from edge_llm_gym.codecs.codec import Action, Observation, checked_choices
from edge_llm_gym.codecs.priority import LONGEST_OVERRUN, Priority
from edge_llm_gym.decoding.pair_features import Columns, PairFeatures
from edge_llm_gym.scenario import Scenario

Rule = Callable[[Columns], Array]
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
"""Rule and overrun of the actions 1, 2, ...; with action 0 all requests wait."""
SCORE_BOUND = 6.0
"""Scores x become priorities tanh(x / SCORE_BOUND) / 2 + 1 / 2."""


class DispatchRule:
    """Discrete: 0 lets all requests wait, others choose a rule and an overrun of CHOICES for all nodes; serves DQN."""

    def __init__(self, scenario: Scenario) -> None:
        if scenario.dynamics != "batching":
            raise ValueError(f"codec 'dispatch_rule' ranks requests of dynamics 'batching', got {scenario.dynamics!r}")
        self._features = PairFeatures(scenario)
        self._priority = Priority(scenario, caps=True)
        self._nodes = len(scenario.nodes)
        self.space = spaces.Discrete(1 + len(CHOICES))

    def decode(self, action: Array, observation: Observation) -> Action:
        """Batch and minimum bandwidth for choices [R]. Raises ActionError for anything else."""
        choice = checked_choices(action, np.asarray(self.space.n), observation)
        columns = self._features.read(observation)
        scores = np.stack([RULES[rule](columns) for rule, _ in CHOICES])
        chosen = scores[np.maximum(choice, 1) - 1, np.arange(choice.size)]
        joins = (columns["feasible"] > 0) & (choice > 0)[:, None, None]
        score = np.where(joins, np.tanh(chosen / SCORE_BOUND) / 2.0 + 0.5, -1.0)
        caps = np.array([0.0, *(overrun for _, overrun in CHOICES)])[choice] * 2.0 / LONGEST_OVERRUN - 1.0
        flat = np.column_stack([score.reshape(choice.size, -1), np.repeat(caps[:, None], self._nodes, axis=1)])
        return self._priority.decode(flat, observation)

    def encode(self, action: Mapping[str, Array], observation: Observation) -> Array:
        """Raises NotImplementedError: an action does not determine a rule."""
        raise NotImplementedError("codec 'dispatch_rule' has no inverse: imitate through codec 'priority'")

    def mask(self, observation: Observation) -> None:
        """No masks: every action is feasible."""
        return
