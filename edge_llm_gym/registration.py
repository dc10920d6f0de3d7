"""The environment ids and the scenario that each one defaults to."""

from typing import Any, Final

import gymnasium

ENVIRONMENTS: Final[dict[str, str]] = {
    "EdgeLLM/SingleNode-v0": "single-node",
    "EdgeLLM/MultiNode-v0": "multi-node",
    "EdgeLLM/EarlyExit-v0": "early-exit",
    "EdgeLLM/Joint-v0": "joint",
    "EdgeLLM/Continuous-v0": "continuous",
}
"""Id -> scenario. Observations, actions and infos are dictionaries."""
FLAT_FORMS: Final[dict[str, str]] = {
    "Flat": "parameters",
    "MultiDiscrete": "multidiscrete",
    "Sequential": "sequential",
}
"""What follows the name of an environment in the id of a flat form -> its codec."""
NO_SEQUENCE: Final = ("EdgeLLM/EarlyExit-v0", "EdgeLLM/Joint-v0")
"""Environments without the form "Sequential": their decisions are not one per request."""


def flat_id(environment: str, form: str) -> str:
    """The id of a flat form of an environment, such as "EdgeLLM/MultiNode-Flat-v0"."""
    name, _, version = environment.rpartition("-")
    return f"{name}-{form}-{version}"


FLAT_ENVIRONMENTS: Final[dict[str, dict[str, Any]]] = {
    flat_id(environment, form): {"scenario": scenario, "codec": codec}
    for environment, scenario in ENVIRONMENTS.items()
    for form, codec in FLAT_FORMS.items()
    if form != "Sequential" or environment not in NO_SEQUENCE
}
"""Id of a flat form -> default arguments of `edge_llm_gym.env.flat.FlatEnv`."""


def register_environments() -> None:
    """Registers every id with Gymnasium; entry points are strings, so nothing else is imported."""
    for environment, scenario in ENVIRONMENTS.items():
        gymnasium.register(
            id=environment,
            entry_point="edge_llm_gym.env.env:EdgeLLMEnv",
            vector_entry_point="edge_llm_gym.env.vector_env:EdgeLLMVectorEnv",
            kwargs={"scenario": scenario},
        )
    rows = "edge_llm_gym.env.flat.vector_env:FlatVectorEnv"
    for environment, settings in FLAT_ENVIRONMENTS.items():
        gymnasium.register(
            id=environment,
            entry_point="edge_llm_gym.env.flat.env:FlatEnv",
            vector_entry_point=None if settings["codec"] == "sequential" else rows,
            kwargs=settings,
        )
