"""The reward, a weighted sum of metrics."""

from collections.abc import Mapping, Sequence

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel
from edge_llm_gym.sim.records import RewardTerms


def reward_terms(weights: Mapping[str, float], metrics: Sequence[str]) -> RewardTerms:
    """The terms of a reward that maps names of `metrics` to weights."""
    columns = np.array([metrics.index(term) for term in weights], np.int64)
    return RewardTerms(columns, np.array(list(weights.values()), np.float64))


@kernel
def weighted_sum(metrics: Array, terms: RewardTerms) -> float:
    """Reward of the metrics [M] of one row, term by term in their order."""
    reward = 0.0
    for term in range(terms.column.size):
        reward += terms.weight[term] * metrics[terms.column[term]]
    return reward
