"""The residual-routing codec: the corrections of a steady-state plan of DTO-EE as a flat action."""

from collections.abc import Mapping

from edge_llm_gym.arrays import Array
from edge_llm_gym.codecs.codec import Action, Observation, checked_signed, signed_box
from edge_llm_gym.linear.residual_plan import ResidualPlan
from edge_llm_gym.scenario import Scenario


class ResidualRouting:
    """Queue penalty, channel preference, node biases [K] and threshold shifts [K], all in [-1, 1].

    Serves PPO, A2C, SAC, TD3. `edge_llm_gym.linear.residual_plan` says what they change.
    """

    def __init__(self, scenario: Scenario) -> None:
        if scenario.dynamics != "streaming":
            raise ValueError(
                f"codec 'residual_routing' corrects plans of dynamics 'streaming', got {scenario.dynamics!r}"
            )
        self._plan = ResidualPlan(scenario)
        self.space = signed_box(self._plan.size)

    def decode(self, action: Array, observation: Observation) -> Action:
        """Offload and threshold for flat actions [R, 2 + 2 K]."""
        return self._plan.corrected(checked_signed(action, self._plan.size, observation), observation)

    def encode(self, action: Mapping[str, Array], observation: Observation) -> Array:
        """Raises NotImplementedError: an action does not determine a correction."""
        raise NotImplementedError("codec 'residual_routing' has no inverse: imitate through codec 'box'")

    def mask(self, observation: Observation) -> None:
        """No masks."""
        return
