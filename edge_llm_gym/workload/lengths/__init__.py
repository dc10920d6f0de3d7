"""Length models: prompt and output token counts of requests, and predictions of the latter."""

from edge_llm_gym.workload.lengths.counts import Clipped, LengthLimits, LengthModel, TokenCounts
from edge_llm_gym.workload.lengths.parametric import Choice, LogNormal
from edge_llm_gym.workload.lengths.prediction import LengthPredictor
from edge_llm_gym.workload.lengths.quantiles import QuantileTable

__all__ = [
    "Choice",
    "Clipped",
    "LengthLimits",
    "LengthModel",
    "LengthPredictor",
    "LogNormal",
    "QuantileTable",
    "TokenCounts",
]
