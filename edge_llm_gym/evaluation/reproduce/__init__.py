"""Reconstructions of published studies: sweeps, what is measured beside them, and a verdict on the claims."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from edge_llm_gym.evaluation.reproduce.batching import BATCHING_STUDIES
from edge_llm_gym.evaluation.reproduce.page import write
from edge_llm_gym.evaluation.reproduce.routing import ROUTING_STUDIES
from edge_llm_gym.evaluation.reproduce.run import Reproduction, reproduce
from edge_llm_gym.evaluation.reproduce.studies import Study

STUDIES: Final[Mapping[str, Study]] = MappingProxyType({**BATCHING_STUDIES, **ROUTING_STUDIES})
"""Study by name."""

__all__ = ["STUDIES", "Reproduction", "Study", "reproduce", "write"]
