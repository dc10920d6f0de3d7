"""Expert policies: observation -> problem -> solver -> action, behind the `predict` protocol."""

from edge_llm_gym.experts.policy import Policy
from edge_llm_gym.experts.registry import expert_descriptions, expert_names, make_expert
from edge_llm_gym.experts.routing import RoutingExpert

__all__ = ["Policy", "RoutingExpert", "expert_descriptions", "expert_names", "make_expert"]
