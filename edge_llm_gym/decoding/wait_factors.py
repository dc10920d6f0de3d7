"""Wait factors of the deeper nodes of a streaming network, estimated from the observed backlogs by Little's law.

The backlog of a node counts the requests in the network that it has not finished, from their arrival on. Its mean is
the rate of the node times the mean time T from a request's arrival to the end of its service there (Little 1961). If R
is the mean time until a request reaches the node and S its mean service time, the mean wait is T - R - S. A request
reaches the node when it has left the node before and crossed the link, so that R follows from the backlogs of the
previous stage. The wait factor is this wait over that of an M/G/1 queue at the same rate (Pollaczek-Khinchine).

Factors of the first stage are 1: arrivals of devices are Poisson, for which the formula is exact.
"""

from typing import Final, NamedTuple

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.numeric import real_number
from edge_llm_gym.problems.routing_checks import LARGEST

WAIT_DISCOUNT: Final = 0.99
"""Factor per epoch on past observations: an effective window of 100 epochs."""
EVIDENCE: Final = 30.0
"""Weight of a prior factor, in predicted waiting requests, summed over epochs."""
FACTOR_BOUNDS: Final = (0.1, 2.0)
"""Least and greatest estimated factor."""
MAX_UTILISATION: Final = 0.95
"""Utilisation up to which a wait is predicted: beyond it, the prediction hangs on errors of the rate."""
_LEAST: Final = 1e-12


class Routed(NamedTuple):
    """How the requests of an epoch pass through the network on average, as the plan in force predicts."""

    onward: Array  # [K, K] float64, share of a node's requests that it forwards to each node
    service_s: Array  # [K] float64, mean service time
    service_sq_s2: Array  # [K] float64, second moment


class WaitEstimate(NamedTuple):
    """Observed flows of one row: discounted sums over past epochs, times in epochs, float64."""

    backlog: Array  # [K] requests in the network that the node has not finished
    sent: Array  # [K] requests sent to the node
    work: Array  # [K] mean service time of these requests, summed over them
    square: Array  # [K] second moment of the service time, summed over them
    expected: Array  # [K] requests that the nodes before it were expected to forward to the node
    before: Array  # [K] time of these requests until they reach the node, summed over them
    weight: float  # epochs


class WaitFactors:
    """Estimates the wait factors of a network with K nodes.

    Args:
        stage: [K] stage of each node, from 0.
        transfer_s: [K, K] mean time from a node to the next one, inf where there is no link.
        epoch_s: length of an epoch.
    """

    def __init__(self, stage: Array, transfer_s: Array, epoch_s: float) -> None:
        self._stage, self._epoch_s = stage, epoch_s
        self._transfer = np.where(np.isfinite(transfer_s), transfer_s, 0.0) / epoch_s

    def initial_estimate(self) -> WaitEstimate:
        """The estimate before any observation."""
        return WaitEstimate._make((*np.zeros((6, self._stage.size)), 0.0))

    def update(self, estimate: WaitEstimate, backlog: Array, sent: Array, routed: Routed) -> WaitEstimate:
        """The estimate after one more epoch of one row.

        Args:
            estimate: the estimate before.
            backlog: [K] requests in the network, at the end of the epoch, that a node has not finished.
            sent: [K] requests that arrived in the epoch and that were sent to a node.
            routed: how they passed through the network.
        """
        arriving = sent[:, None] * routed.onward
        seen = (
            backlog,
            sent,
            sent * routed.service_s / self._epoch_s,
            sent * routed.service_sq_s2 / self._epoch_s**2,
            arriving.sum(axis=0),
            backlog @ routed.onward + (arriving * self._transfer).sum(axis=0),
        )
        sums = (WAIT_DISCOUNT * before + new for before, new in zip(estimate[:-1], seen, strict=True))
        return WaitEstimate._make((*sums, WAIT_DISCOUNT * estimate.weight + 1.0))

    def waiting(self, estimate: WaitEstimate) -> Array:
        """[K] float64, observed number of waiting requests, summed over epochs; 0 at the first stage."""
        reach = estimate.before / np.maximum(estimate.expected, _LEAST)
        waiting = estimate.backlog - estimate.sent * reach - estimate.work
        return np.where((self._stage > 0) & (estimate.expected > 0), waiting, 0.0)

    def predicted(self, estimate: WaitEstimate) -> Array:
        """[K] float64, the same for M/G/1 queues at the observed rates: rate^2 E[S^2] / (2 (1 - utilisation))."""
        weight = max(estimate.weight, _LEAST)
        utilisation = np.minimum(estimate.work / weight, MAX_UTILISATION)
        waiting = estimate.sent * estimate.square / weight / (2 * (1 - utilisation))
        return np.where((self._stage > 0) & (estimate.expected > 0), waiting, 0.0)

    def factors(self, estimate: WaitEstimate) -> Array:
        """[K] float64 wait factors within FACTOR_BOUNDS, 1 at the first stage.

        A node's ratio of observed to predicted waiting requests is drawn towards that of its stage, and the ratio of
        the stage towards 1, each with the weight EVIDENCE.
        """
        observed, predicted = self.waiting(estimate), self.predicted(estimate)
        factor = np.ones(self._stage.size)
        for stage in range(1, int(self._stage.max()) + 1):
            at = self._stage == stage
            common = (observed[at].sum() + EVIDENCE) / (predicted[at].sum() + EVIDENCE)
            factor[at] = (observed[at] + EVIDENCE * common) / (predicted[at] + EVIDENCE)
        return np.clip(factor, *FACTOR_BOUNDS)


def checked_wait_factor(wait_factor: float) -> float:
    """`wait_factor` as a float. Raises ValueError unless it is finite and zero or more."""
    return real_number("wait_factor", wait_factor, greatest=LARGEST, unit="1 is an M/G/1 queue")
