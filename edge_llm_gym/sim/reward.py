"""The reward: a weighted sum of metrics, whatever the admission; and their sums over an episode."""

from collections.abc import Mapping, Sequence

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel


def reward_terms(weights: Mapping[str, float], metrics: Sequence[str]) -> tuple[Array, Array]:
    """Columns [T] int64 of the metrics that the reward names, and their weights [T] float64."""
    columns = np.array([metrics.index(term) for term in weights], np.int64)
    return columns, np.array(list(weights.values()), np.float64)


@kernel
def add_up(metrics: Array, totals: Array) -> None:
    """Adds the metrics [M] of an epoch to those of the episode so far."""
    for column in range(metrics.size):
        totals[column] += metrics[column]


@kernel
def weighted_sum(metrics: Array, column: Array, weight: Array) -> float:
    """Reward of the metrics [M] of one row, term by term in their order."""
    reward = 0.0
    for term in range(column.size):
        reward += weight[term] * metrics[column[term]]
    return reward
