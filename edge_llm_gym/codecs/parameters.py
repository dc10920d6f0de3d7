"""The parameter codec: a flat action holds the parameters of the linear policy for this epoch."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.codecs.codec import Action, Observation, checked_signed, signed_box
from edge_llm_gym.linear import LinearPolicy, make_linear
from edge_llm_gym.scenario import Scenario

SPAN: Final = 4.0
"""What an action of 1 adds to a parameter. Parameters are mostly logarithms of factors."""


class Parameters:
    """Parameters base + SPAN * action of the linear policy (`edge_llm_gym.linear`), one action in [-1, 1] for each.

    The policy acts in every row under the parameters of that row. Serves PPO, A2C, SAC, TD3, TQC and ARS, which find
    constant parameters within minutes, or networks that choose them by the state.

    Args:
        scenario: a scenario of any dynamics.
        search: how a node's batch is searched for, in pooled dynamics: "exact" or "quick" (a tenth of the time and
            about 1 % less net value).
        base: parameters at an action of zeros; all 0 by default.
        num_threads: threads over which the search splits the rows; actions do not depend on it.

    Raises ValueError for a number of parameters or threads out of range, and for an unknown search.
    """

    def __init__(
        self,
        scenario: Scenario,
        search: str = "quick",
        base: Sequence[float] | None = None,
        num_threads: int = 1,
    ) -> None:
        self._policy = make_linear(scenario, base, search=search, num_threads=num_threads)
        self.space = signed_box(self._policy.parameters.size)

    def decode(self, action: Array, observation: Observation) -> Action:
        """The linear policy's action for flat actions [R, P]."""
        flat = checked_signed(action, self.space.shape[0], observation).astype(np.float64)
        return self._policy.act_with(observation, self._parameters(flat))

    def policy(self, action: Array) -> LinearPolicy:
        """The linear policy that acts as this codec does if every flat action is `action` [P]."""
        return self._policy.with_parameters(self._parameters(np.asarray(action, np.float64)))

    def _parameters(self, flat: Array) -> Array:
        return self._policy.parameters + SPAN * flat

    def encode(self, action: Mapping[str, Array], observation: Observation) -> Array:
        """Raises NotImplementedError: an action does not determine parameters."""
        raise NotImplementedError("codec 'parameters' has no inverse: imitate through codec 'priority' or 'box'")

    def mask(self, observation: Observation) -> None:
        """No masks."""
        return
