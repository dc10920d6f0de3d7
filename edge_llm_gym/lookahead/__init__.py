"""A policy that looks ahead: it tries actions in resampled futures. A measure of the room above other policies."""

from edge_llm_gym.lookahead.policy import RolloutPolicy
from edge_llm_gym.lookahead.registry import ROLLOUT, make_rollout
from edge_llm_gym.lookahead.rollouts import Rollouts, RolloutSettings

__all__ = ["ROLLOUT", "RolloutPolicy", "RolloutSettings", "Rollouts", "make_rollout"]
