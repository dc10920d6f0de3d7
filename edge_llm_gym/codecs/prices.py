"""The codec of prices: a flat action corrects the prices of requests and of node time of the linear policy."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.codecs.codec import Action, Observation, checked_signed, signed_box
from edge_llm_gym.codecs.parameters import SPAN
from edge_llm_gym.linear import make_linear
from edge_llm_gym.linear.neighbours import Perturbations, neighbours, net_values, overtime_s
from edge_llm_gym.linear.pricing import PricedEpochs, PricingPolicy, action_of
from edge_llm_gym.numeric import whole_number
from edge_llm_gym.scenario import Scenario

MOST_CANDIDATES: Final = 1024
PERTURBATION_SEED: Final = 0
"""Seed of the perturbations, which are the same in every state: decoding draws nothing."""


class Prices:
    """Logarithms, over SPAN, of factors on the linear policy's prices: of each request on each node, and of node time.

    Of `candidates` actions, those of the linear policy under fixed perturbations of its own prices, the one with the
    highest net value under the corrected prices is taken; numbers of 0 leave the prices as they are. Serves PPO and A2C
    with a set network (`block` pair and node), above all one that was fitted to lookahead returns.

    Args:
        scenario: a scenario of pooled dynamics.
        base: parameters of the linear policy; all 0 by default.
        candidates: how many actions there are to choose from, 1 to 1024.
        search: how a node's batch is searched for, "exact" or "quick".
        num_threads: threads over which the search splits the rows; actions do not depend on it.

    Raises ValueError for a number of parameters, candidates or threads out of range, and for an unknown search.
    """

    def __init__(
        self,
        scenario: Scenario,
        base: Sequence[float] | None = None,
        candidates: int = 32,
        search: str = "quick",
        num_threads: int = 1,
    ) -> None:
        policy = make_linear(scenario, base, search=search, num_threads=num_threads)
        if not isinstance(policy, PricingPolicy):
            raise ValueError(f"codec 'prices' is for batches; scenario {scenario.name!r} has none")
        self.policy: Final = policy
        self._slots, self._nodes = scenario.slots, scenario.network.entry_nodes.size
        count = whole_number("candidates", candidates, 1, MOST_CANDIDATES)
        rng = np.random.default_rng(PERTURBATION_SEED)
        self._perturbations = Perturbations.draw(rng, count, self._slots, self._nodes)
        self.space = signed_box((self._slots + 1) * self._nodes)

    def decode(self, action: Array, observation: Observation) -> Action:
        """Batch and minimum bandwidth for flat actions [R, N * K + K], and what else the dynamics have."""
        flat = checked_signed(action, self.space.shape[0], observation).astype(np.float64)
        epochs = self.priced(observation)
        node = self.candidates(epochs, self._perturbations)
        pairs, nodes = np.split(np.exp(SPAN * flat), [self._slots * self._nodes], axis=1)
        price = epochs.price * pairs.reshape(epochs.price.shape)
        net = net_values(node, overtime_s(node, epochs), price, epochs.node_time_price * nodes)
        best = np.take_along_axis(node, net.argmax(axis=1)[:, None, None], axis=1)[:, 0]
        return action_of(best, epochs)

    def priced(self, observation: Observation) -> PricedEpochs:
        """The linear policy's own prices."""
        return self.policy.priced(observation, self.policy.parameters[None])

    def candidates(self, epochs: PricedEpochs, perturbations: Perturbations) -> Array:
        """Nodes [R, C, N] in 0..K of the batches for each perturbation."""
        return neighbours(epochs, perturbations, self.policy)

    def encode(self, action: Mapping[str, Array], observation: Observation) -> Array:
        """Raises NotImplementedError: an action does not determine prices."""
        raise NotImplementedError("codec 'prices' has no inverse: imitate through codec 'priority' or 'box'")

    def mask(self, observation: Observation) -> None:
        """No masks: every action is feasible."""
        return
