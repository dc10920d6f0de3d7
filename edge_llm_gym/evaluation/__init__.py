"""Paired comparison of policies with common random numbers."""

from edge_llm_gym.evaluation.compare import compare
from edge_llm_gym.evaluation.comparison import Comparison
from edge_llm_gym.evaluation.gap import EpochGap
from edge_llm_gym.evaluation.report import save
from edge_llm_gym.evaluation.rollout import run_episode
from edge_llm_gym.evaluation.store import EpisodeStore
from edge_llm_gym.evaluation.sweeps import Sweep, save_sweep, sweep
from edge_llm_gym.evaluation.workers import Workers

__all__ = [
    "Comparison",
    "EpisodeStore",
    "EpochGap",
    "Sweep",
    "Workers",
    "compare",
    "run_episode",
    "save",
    "save_sweep",
    "sweep",
]
