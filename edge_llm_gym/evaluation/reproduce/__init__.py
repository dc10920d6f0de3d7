"""Reconstructions of published studies: sweeps on paper-like presets, search effort, and a verdict on the claims."""

from edge_llm_gym.evaluation.reproduce.page import write
from edge_llm_gym.evaluation.reproduce.run import Reproduction, reproduce
from edge_llm_gym.evaluation.reproduce.studies import STUDIES, Study

__all__ = ["STUDIES", "Reproduction", "Study", "reproduce", "write"]
