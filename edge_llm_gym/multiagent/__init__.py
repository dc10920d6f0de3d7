"""Multi-agent view of the environments: nodes, and devices that route, act as agents behind PettingZoo's ParallelEnv.

This is the only package here that imports PettingZoo; install it with the extra "multiagent". Public names are loaded
on first use.
"""

from importlib import import_module
from typing import Any

_PUBLIC = {
    "Agent": "edge_llm_gym.multiagent.agents",
    "AgentPolicy": "edge_llm_gym.multiagent.policies",
    "EdgeLLMParallelEnv": "edge_llm_gym.multiagent.parallel",
    "SplitPolicy": "edge_llm_gym.multiagent.policies",
    "joined_action": "edge_llm_gym.multiagent.actions",
    "parallel_env": "edge_llm_gym.multiagent.parallel",
    "split_action": "edge_llm_gym.multiagent.actions",
}

__all__ = [
    "Agent",
    "AgentPolicy",
    "EdgeLLMParallelEnv",
    "SplitPolicy",
    "joined_action",
    "parallel_env",
    "split_action",
]


def __getattr__(name: str) -> Any:
    """Loads a public name on first use. Raises ImportError where PettingZoo is missing."""
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(_PUBLIC[name]), name)
    except ModuleNotFoundError as error:
        if error.name != "pettingzoo":
            raise
        raise ImportError(
            f"edge_llm_gym.multiagent.{name} needs pettingzoo, which is not installed: "
            f"pip install 'edge-llm-gym[multiagent]'"
        ) from error
