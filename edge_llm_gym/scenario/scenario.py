"""The scenario: one validated, frozen record of everything that is constant over an episode."""

from typing import Any, Self

from pydantic import SerializerFunctionWrapHandler, model_serializer, model_validator

from edge_llm_gym.scenario.fields import ScenarioFields
from edge_llm_gym.scenario.rules import RULES, unused_keys


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

    @model_serializer(mode="wrap")
    def _without_unused_keys(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leaves out the keys that these dynamics refuse, so that what is dumped can be loaded."""
        unused = unused_keys(self.dynamics)
        return {key: value for key, value in serialize(self).items() if key not in unused}
