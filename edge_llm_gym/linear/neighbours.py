"""Neighbours of a priced action: the batches that a few perturbations of the prices lead to, and what they are worth.

Prices that a network learned are known near the actions that it saw. The best of all batches under such prices is one
whose prices are too high by error; the best among neighbours of a good action is not.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple, Self

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import njit
from edge_llm_gym.decoding.batching import BatchingArrays
from edge_llm_gym.experts.policy import Action
from edge_llm_gym.linear.policy import clipped_exp
from edge_llm_gym.linear.pricing import FEATURES, PricedEpochs, PricingPolicy, action_of

WEIGHT_DEVIATION: Final = 0.3
"""Standard deviation of the numbers added to the weights of FEATURES, half of it or 0, by chance."""
PAIR_DEVIATION: Final = 0.3
"""That of the numbers added to the logarithm of the price of each request on each node, a third of it or 0."""
NODE_DEVIATION: Final = 0.3
"""That of the numbers added to the logarithm of the price of a node's time."""
BLOCK: Final = 2048
"""Problems that are solved at a time: it bounds the memory of perturbed copies."""


class Perturbations(NamedTuple):
    """C perturbations for N slots and K nodes. The first one changes nothing."""

    weights: Array  # [C, F]
    pairs: Array  # [C, N, K]
    nodes: Array  # [C, K]

    @classmethod
    def draw(cls, rng: np.random.Generator, count: int, slots: int, nodes: int) -> Self:
        """Normal numbers with the deviations above."""
        drawn = cls(
            WEIGHT_DEVIATION * _strength(rng, count, 0.5) * rng.standard_normal((count, len(FEATURES))),
            PAIR_DEVIATION * _strength(rng, count, 1 / 3)[..., None] * rng.standard_normal((count, slots, nodes)),
            NODE_DEVIATION * rng.standard_normal((count, nodes)),
        )
        for array in drawn:
            array[0] = 0.0
        return drawn


def _strength(rng: np.random.Generator, count: int, middle: float) -> Array:
    """[count, 1] of 0, `middle` and 1 with equal chances."""
    return rng.choice([0.0, middle, 1.0], size=(count, 1))


def neighbours(epochs: PricedEpochs, perturbations: Perturbations, policy: PricingPolicy) -> Array:
    """Nodes [R, C, N] in 0..K of the batches that a policy's search finds for each row and perturbation."""
    count = len(perturbations.nodes)
    parts = [
        policy.best_batches(_perturbed(part, perturbations)).reshape(-1, count, epochs.price.shape[1])
        for part in _blocks(epochs, max(BLOCK // count, 1))
    ]
    return np.concatenate(parts)


def _blocks(epochs: PricedEpochs, rows: int) -> Iterator[PricedEpochs]:
    for start in range(0, len(epochs.price), rows):
        yield epochs.part(slice(start, start + rows))


def _perturbed(epochs: PricedEpochs, perturbations: Perturbations) -> PricedEpochs:
    """R * C rows: those of a row for all perturbations, one after the other."""
    count, (_, slots, nodes) = len(perturbations.nodes), epochs.price.shape
    logarithm = np.einsum("rnkf,cf->rcnk", epochs.columns, perturbations.weights) + perturbations.pairs
    price = epochs.price[:, None] * clipped_exp(logarithm)
    node_time_price = epochs.node_time_price[:, None] * clipped_exp(perturbations.nodes)
    return epochs._replace(
        costs=_repeated(epochs.costs, count),
        price=price.reshape(-1, slots, nodes),
        node_time_price=node_time_price.reshape(-1, nodes),
        free_s=np.repeat(epochs.free_s, count, axis=0),
    )


def alternatives(node: Array, epochs: PricedEpochs) -> Action:
    """Actions with leading axes of R * C rows, those of a row one after the other, for batches [R, C, N]."""
    count = node.shape[1]
    others = {key: np.repeat(array, count, axis=0) for key, array in epochs.others.items()}
    repeated = epochs._replace(rows=_repeated(epochs.rows, count), others=others)
    return action_of(node.reshape(-1, node.shape[2]), repeated)


def _repeated(rows: BatchingArrays, count: int) -> BatchingArrays:
    """R * count rows: each row several times, one after the other."""
    return BatchingArrays(*(np.repeat(array, count, axis=0) for array in rows))


def net_values(node: Array, overtime_s: Array, price: Array, node_time_price: Array) -> Array:
    """[R, C] value of batches [R, C, N], less the price of their overtime [R, C, K]."""
    of_pair = np.take_along_axis(price[:, None], np.maximum(node - 1, 0)[..., None], axis=3)[..., 0]
    paid = (overtime_s * node_time_price[:, None]).sum(axis=2)
    net: Array = np.where(node > 0, of_pair, 0.0).sum(axis=2) - paid
    return net


def overtime_s(node: Array, epochs: PricedEpochs) -> Array:
    """[R, C, K] seconds by which batches [R, C, N] are expected to run beyond `free_s`."""
    costs = epochs.costs
    return _overtime_s(
        node, np.ascontiguousarray(costs.time_s), np.ascontiguousarray(costs.shared_time_s), epochs.free_s
    )


@njit(cache=True, nogil=True)
def _overtime_s(node: Array, time_s: Array, shared_time_s: Array, free_s: Array) -> Array:
    rows, count, slots = node.shape
    nodes = free_s.shape[1]
    overtime = np.empty((rows, count, nodes))
    for row in range(rows):
        for one in range(count):
            added, shared = np.zeros(nodes), np.zeros(nodes)
            for slot in range(slots):
                index = node[row, one, slot] - 1
                if index >= 0:
                    added[index] += time_s[row, slot, index]
                    shared[index] = max(shared[index], shared_time_s[row, slot, index])
            overtime[row, one] = np.maximum(added + shared - free_s[row], 0.0)
    return overtime
