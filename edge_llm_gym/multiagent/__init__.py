"""Multi-agent view of the environments: nodes, and devices that route, act as agents behind PettingZoo's ParallelEnv.

This is the only package here that imports PettingZoo; install it with the extra "multiagent". Public names are loaded
on first use.
"""

from edge_llm_gym.lazy import lazy_names

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

__getattr__ = lazy_names(__name__, _PUBLIC, ("pettingzoo",), "multiagent")
