"""Paired comparison of policies on common tapes."""

from edge_llm_gym.evaluation.compare import Comparison, compare
from edge_llm_gym.evaluation.gap import EpochGap
from edge_llm_gym.evaluation.report import save
from edge_llm_gym.evaluation.rollout import run_episode

__all__ = ["Comparison", "EpochGap", "compare", "run_episode", "save"]
