"""The scenario: one validated, frozen record of everything that is constant over an episode."""

from typing import Self

from pydantic import model_validator

from edge_llm_gym.scenario.fields import ScenarioFields
from edge_llm_gym.scenario.rules import RULES


class Scenario(ScenarioFields):
    """A scenario that satisfies the rules of its dynamics; `load_scenario` loads it.

    `ScenarioFields` documents the fields, and the classes in `edge_llm_gym.scenario.sections` the sections. Raises
    pydantic's ValidationError for unknown keys, values out of range and violated rules; `load_scenario` converts it to
    a ScenarioError.
    """

    @model_validator(mode="after")
    def _check_rules(self) -> Self:
        for rule in RULES[self.dynamics]:
            rule(self)
        return self
