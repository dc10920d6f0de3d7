"""Estimate of the load of a batching-and-routing network: admitted and forwarded requests per epoch."""

from typing import Final, NamedTuple

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.decoding.difficulty_mix import NO_SHIFT

LOAD_DISCOUNT: Final = 0.8
"""Weight of the previous estimate in the exponential moving average over epochs."""
INITIAL_ADMITTED_SHARE: Final = 0.5
"""Share of the mean arrivals that is assumed to be admitted before the first epoch."""
INITIAL_FORWARDED_SHARE: Final = 0.5
"""Share of the admitted requests that is assumed to be forwarded before the first epoch."""


class LoadEstimate(NamedTuple):
    """Estimated load of one row, as moving averages over the batches that an expert has formed."""

    admitted: Array  # [K1] requests admitted per epoch at each entry node
    forwarded: Array  # [K] requests forwarded per epoch to each deeper node
    difficulty_shift: int  # index into difficulty_mix.DIFFICULTY_SHIFTS


def initial_estimate(mean_arrivals: float, entry_nodes: Array, deep_nodes: Array) -> LoadEstimate:
    """The estimate before any observation, from the scenario's mean arrivals per epoch."""
    admitted = INITIAL_ADMITTED_SHARE * mean_arrivals
    forwarded = np.zeros(entry_nodes.size + deep_nodes.size)
    forwarded[deep_nodes] = INITIAL_FORWARDED_SHARE * admitted / deep_nodes.size
    return LoadEstimate(np.full(entry_nodes.size, admitted / entry_nodes.size), forwarded, NO_SHIFT)


def with_assignment(estimate: LoadEstimate, node: Array, reach_probability: Array) -> LoadEstimate:
    """The estimate after an assignment node [n] int, 0 for a request that waits, with probabilities [K1, K] of reaching
    each deeper node."""
    admitted = np.bincount(node, minlength=estimate.admitted.size + 1)[1:]
    return estimate._replace(
        admitted=LOAD_DISCOUNT * estimate.admitted + (1.0 - LOAD_DISCOUNT) * admitted,
        forwarded=LOAD_DISCOUNT * estimate.forwarded + (1.0 - LOAD_DISCOUNT) * admitted @ reach_probability,
    )
