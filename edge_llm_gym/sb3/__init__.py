"""Stable-Baselines3 on Edge LLM Gym: vector environment, networks and trained policies.

This is the only package here that imports Stable-Baselines3, and besides `edge_llm_gym.measuring` the only one that
imports PyTorch; install them with the extra "agents". Public names are loaded on first use, so that the description of
a policy can be read without them.
"""

from edge_llm_gym.lazy import lazy_names

_PUBLIC = {
    "ConstantPolicy": "edge_llm_gym.sb3.constant_policy",
    "DecodedPolicy": "edge_llm_gym.sb3.trained_policy",
    "ForkCallback": "edge_llm_gym.sb3.forking",
    "MaskableSetPolicy": "edge_llm_gym.sb3.policies",
    "NativeVecEnv": "edge_llm_gym.sb3.vec_env",
    "PolicyDescription": "edge_llm_gym.sb3.description",
    "SetNetwork": "edge_llm_gym.sb3.network",
    "SetPolicy": "edge_llm_gym.sb3.policies",
    "load_model": "edge_llm_gym.sb3.plain_archives",
    "load_policy": "edge_llm_gym.sb3.loading",
    "policy_factory": "edge_llm_gym.sb3.loading",
}
LIBRARIES = frozenset({"torch", "stable_baselines3", "sb3_contrib"})

__all__ = [
    "ConstantPolicy",
    "DecodedPolicy",
    "ForkCallback",
    "MaskableSetPolicy",
    "NativeVecEnv",
    "PolicyDescription",
    "SetNetwork",
    "SetPolicy",
    "load_model",
    "load_policy",
    "policy_factory",
]

__getattr__ = lazy_names(__name__, _PUBLIC, LIBRARIES, "agents")
