"""A policy that looks ahead: it tries actions in resampled futures. A measure of the room above other policies."""

from edge_llm_gym.lookahead.outlook import Outlook, RolloutSettings
from edge_llm_gym.lookahead.policy import RolloutPolicy
from edge_llm_gym.lookahead.registry import ROLLOUT, make_rollout

__all__ = ["ROLLOUT", "Outlook", "RolloutPolicy", "RolloutSettings", "make_rollout"]
