"""Edge LLM Gym: schedule language-model inference at the network edge.

Importing the package registers its environments with Gymnasium and loads nothing heavy; the rest is imported on use.
"""

from importlib import import_module
from typing import Any

from edge_llm_gym.registration import ENVIRONMENTS, register_environments

__version__ = "0.1.0"

_PUBLIC = {
    "EdgeLLMEnv": "edge_llm_gym.env.env",
    "EdgeLLMVectorEnv": "edge_llm_gym.env.vector_env",
    "Outcome": "edge_llm_gym.sim.outcomes",
    "Scenario": "edge_llm_gym.scenario.scenario",
    "compare": "edge_llm_gym.evaluation",
    "describe": "edge_llm_gym.env.description",
    "feature_names": "edge_llm_gym.env.features",
    "load_scenario": "edge_llm_gym.scenario.loading",
    "make_expert": "edge_llm_gym.experts",
    "scenario_names": "edge_llm_gym.scenario.loading",
}

__all__ = [
    "ENVIRONMENTS",
    "EdgeLLMEnv",
    "EdgeLLMVectorEnv",
    "Outcome",
    "Scenario",
    "compare",
    "describe",
    "feature_names",
    "load_scenario",
    "make_expert",
    "scenario_names",
]


def __getattr__(name: str) -> Any:
    """Loads a public name on first use."""
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


register_environments()
