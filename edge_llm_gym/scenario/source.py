"""The scenario of an environment."""

from typing import Any

from edge_llm_gym.scenario.scenario import Scenario


def scenario_of(env: Any) -> Scenario:
    """The scenario of an environment (single or vector, through any wrappers), or the scenario itself.

    Raises TypeError for anything else.
    """
    scenario = env if isinstance(env, Scenario) else getattr(getattr(env, "unwrapped", None), "scenario", None)
    if not isinstance(scenario, Scenario):
        raise TypeError(f"expected an Edge LLM Gym environment or a Scenario, got {env!r}")
    return scenario
