"""Candidate exit thresholds: for some quality demands, the lowest threshold that is expected to meet the demand."""

from typing import Final

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.decoding.batching import MARGIN
from edge_llm_gym.decoding.exit_forecast import ExitForecaster
from edge_llm_gym.scenario import Scenario

DEMAND_LEVELS: Final = 5
"""Default number of quality demands for which thresholds are computed."""
THRESHOLD_GRID: Final = np.linspace(0.0, 1.0, 201).astype(np.float32)
"""Thresholds among which the lowest sufficient one is searched: steps of 0.005."""


def threshold_levels(scenario: Scenario, forecaster: ExitForecaster, count: int = DEMAND_LEVELS) -> Array:
    """[L, K] distinct thresholds of all nodes, for `count` demands from the lowest to the highest of the scenario.

    At each node it is the lowest threshold at which the first exit offers the demand, or the highest quality that it
    can offer if that is less: no exit exceeds the quality factor of the node's quantisation.
    """
    low, high = scenario.requests.accuracy
    return np.unique([_thresholds(scenario, forecaster, demand) for demand in np.linspace(low, high, count)], axis=0)


def _thresholds(scenario: Scenario, forecaster: ExitForecaster, demand: float) -> Array:
    """[K] the lowest sufficient thresholds for one demand."""
    threshold = np.empty(forecaster.node_quality.size)
    for node, factor in enumerate(forecaster.node_quality):
        block = int(scenario.network.first_block[node])
        offered = np.array([forecaster.offered_quality(block, factor, one) for one in THRESHOLD_GRID])
        threshold[node] = THRESHOLD_GRID[np.argmax(offered >= min(demand + MARGIN, offered.max()))]
    return threshold
