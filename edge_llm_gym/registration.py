"""The environment ids and the scenario that each one defaults to."""

from typing import Final

import gymnasium

ENVIRONMENTS: Final[dict[str, str]] = {
    "EdgeLLM/SingleNode-v0": "single-node",
    "EdgeLLM/MultiNode-v0": "multi-node",
    "EdgeLLM/EarlyExit-v0": "early-exit",
    "EdgeLLM/Joint-v0": "joint",
    "EdgeLLM/Continuous-v0": "continuous",
}


def register_environments() -> None:
    """Registers every id with Gymnasium; entry points are strings, so nothing else is imported."""
    for environment, scenario in ENVIRONMENTS.items():
        gymnasium.register(
            id=environment,
            entry_point="edge_llm_gym.env.env:EdgeLLMEnv",
            vector_entry_point="edge_llm_gym.env.vector_env:EdgeLLMVectorEnv",
            kwargs={"scenario": scenario},
        )
