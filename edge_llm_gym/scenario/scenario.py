"""The scenario: one validated, frozen record of everything that is constant over an episode."""

from typing import Self

from pydantic import model_validator

from edge_llm_gym.scenario.fields import ScenarioFields
from edge_llm_gym.scenario.rules import RULES


class Scenario(ScenarioFields):
    """A scenario that satisfies the rules of its dynamics. Loaded by `load_scenario`.

    Fields are documented on `ScenarioFields`, sections on their classes in `edge_llm_gym.scenario.sections`.
    Raises pydantic's ValidationError for unknown keys, values out of range and broken rules; `load_scenario` turns it
    into a ScenarioError.
    """

    @model_validator(mode="after")
    def _check_rules(self) -> Self:
        for rule in RULES[self.dynamics]:
            rule(self)
        return self
