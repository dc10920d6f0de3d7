"""Expert policies: observation -> problem -> solver -> action, behind the `predict` protocol."""

from edge_llm_gym.experts.batch_expert import batch_action
from edge_llm_gym.experts.policy import BatchPolicy, Policy, RowPolicy
from edge_llm_gym.experts.registry import expert_descriptions, expert_names, expert_settings, make_expert
from edge_llm_gym.experts.routing import RoutingExpert

__all__ = [
    "BatchPolicy",
    "Policy",
    "RoutingExpert",
    "RowPolicy",
    "batch_action",
    "expert_descriptions",
    "expert_names",
    "expert_settings",
    "make_expert",
]
