"""The routing problem: shares of each device's and node's requests on its links, and early-exit thresholds."""

from dataclasses import dataclass, field

import numpy as np

from edge_llm_gym.problems.arrays import Flags, Floats, Ints
from edge_llm_gym.problems.routing_checks import (
    LARGEST,
    SMALLEST,
    check_exit_order,
    check_links,
    check_second_moment,
    index_array,
    node_array,
    real_array,
    stages,
)


@dataclass(frozen=True, eq=False)
class EarlyExit:
    """Free exit thresholds: the answers of an exit profile at each exit, and the value of a correct answer.

    Each request follows one of the M rows, drawn uniformly. It exits at the first node on its path whose threshold its
    confidence reaches; at a node without links every request exits.

    Args:
        confidence: [M, E] in [0, 1], confidence of the answer at each exit.
        correct: [M, E] in [0, 1], whether that answer is correct, or the probability of it.
        hosted_exit: [K] integers in 0..E-1, the exit after the blocks that each node hosts.
        accuracy_weight_s: value of one unit of accuracy, in seconds of mean delay.

    Arrays are stored as read-only copies. Raises ValueError for a NaN, a number out of range or inconsistent shapes.
    """

    confidence: Floats
    correct: Floats
    hosted_exit: Ints
    accuracy_weight_s: float

    def __post_init__(self) -> None:
        confidence = real_array("confidence", self.confidence, ("M", "E"), (None, None), upper=1.0)
        correct = real_array("correct", self.correct, ("M", "E"), confidence.shape, upper=1.0)
        hosted_exit = index_array("hosted_exit", self.hosted_exit, confidence.shape[1])
        weight = real_array("accuracy_weight_s", self.accuracy_weight_s, (), ())
        for name, value in (("confidence", confidence), ("correct", correct), ("hosted_exit", hosted_exit)):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "accuracy_weight_s", float(weight))


@dataclass(frozen=True, eq=False)
class RoutingProblem:
    """Split the requests of D devices over K staged nodes, for the least mean delay.

    At rate x, a node's mean wait is f x E[S^2] / (2 (1 - x E[S])): that of an M/G/1 queue (Pollaczek-Khinchine) times
    the node's wait factor f. The delay of a request is the sum of the links it crosses, its waits and its services,
    averaged over all requests. Since f does not depend on x, the mean delay is convex in the flows.

    With ``early_exit`` the thresholds are free, and accuracy_weight_s * accuracy - mean delay is maximised.

    Args:
        arrival_rate: [D] requests per second of each device.
        link_delay_s: [D + K, K] seconds to send one request from a device, or from a node, to a node; infinite where
            there is no link. Links go from devices to stage 1, and from each stage to the next.
        service_s: [K] mean service time.
        service_sq_s2: [K] second moment of the service time; service_s squared where the work is constant.
        pass_ratio: [K] share of a node's requests that it forwards to the next stage, 0 at the last. Give either this
            or ``early_exit``, which determines the shares.
        early_exit: the exit profile behind free thresholds.
        wait_factor: [K] or one number for all nodes, zero or more: mean wait over that of an M/G/1 queue. It is 1
            where arrivals are Poisson and service times independent of them. Deeper stages of a network have smaller
            factors where departures are smoothed, larger ones where arrivals come in bursts.

    Rates, times, factors and pass ratios are zero or from `routing_checks.SMALLEST` (1e-18) to LARGEST (1e18) in SI
    units, second moments between their squares.

    A node that has failed or left is a node without links. Arrays are stored as read-only copies. Raises ValueError for
    a NaN or a number out of its range, inconsistent shapes, a cycle, a link that skips a stage, a device that sends but
    has no link, a node that must forward requests but has no link, and if no device sends requests.
    """

    arrival_rate: Floats
    link_delay_s: Floats
    service_s: Floats
    service_sq_s2: Floats
    pass_ratio: Floats | None = None
    early_exit: EarlyExit | None = None
    wait_factor: Floats | float = 1.0
    stage: Ints = field(init=False)
    """[K] stage of each node, from 1; 0 for a node that no request can reach."""

    def __post_init__(self) -> None:
        if (self.pass_ratio is None) == (self.early_exit is None):
            given = "neither" if self.pass_ratio is None else "both"
            raise ValueError(f"give either pass_ratio or early_exit (free thresholds), got {given}")
        self._store_arrays()
        if not self.arrival_rate.sum() > 0:
            raise ValueError("at least one device must send requests, got an arrival_rate of zero for all")
        check_second_moment(self.service_s, self.service_sq_s2)
        self._store("stage", stages(self.link_delay_s, self.device_count))
        check_links(self.link_delay_s, self.arrival_rate, self.pass_ratio, self.stage)
        if self.early_exit is not None:
            check_exit_order(self.link_delay_s[self.device_count :], self.early_exit.hosted_exit)

    @property
    def device_count(self) -> int:
        """Number D of devices."""
        return int(np.size(self.arrival_rate))

    @property
    def node_count(self) -> int:
        """Number K of nodes."""
        return int(np.size(self.service_s))

    @property
    def excess_s(self) -> Floats:
        """[K] wait factor times the mean residual service time E[S^2] / (2 E[S]).

        The mean wait at utilisation u is excess_s u / (1 - u).
        """
        return np.asarray(self.wait_factor * self.service_sq_s2 / (2 * self.service_s))

    @property
    def has_link(self) -> Flags:
        """[D + K, K] whether requests can be sent from a device, or from a node, to a node."""
        return np.isfinite(self.link_delay_s)

    @property
    def is_last(self) -> Flags:
        """[K] whether the node has no link to another node, so that every request exits there."""
        return np.asarray(np.isinf(self.link_delay_s[self.device_count :]).all(axis=1))

    def _store_arrays(self) -> None:
        devices, nodes = self.device_count, self.node_count
        self._store("arrival_rate", real_array("arrival_rate", self.arrival_rate, ("D",), (None,), lower=SMALLEST))
        service_s = real_array("service_s", self.service_s, ("K",), (None,), lower=SMALLEST, positive=True)
        self._store("service_s", service_s)
        low, high = SMALLEST**2, LARGEST**2
        square = real_array("service_sq_s2", self.service_sq_s2, ("K",), (nodes,), lower=low, upper=high, positive=True)
        self._store("service_sq_s2", square)
        self._store("wait_factor", node_array("wait_factor", self.wait_factor, nodes))
        shape = (devices + nodes, nodes)
        axes, links = ("D + K", "K"), self.link_delay_s
        link_s = real_array("link_delay_s", links, axes, shape, lower=SMALLEST, infinite=True)
        self._store("link_delay_s", link_s)
        if self.pass_ratio is not None:
            ratio = real_array("pass_ratio", self.pass_ratio, ("K",), (nodes,), lower=SMALLEST, upper=1.0)
            self._store("pass_ratio", ratio)
        if self.early_exit is not None and self.early_exit.hosted_exit.size != nodes:
            hosted = self.early_exit.hosted_exit.size
            raise ValueError(f"hosted_exit must name one exit for each of the {nodes} nodes, got {hosted}")

    def _store(self, name: str, value: Floats | Ints) -> None:
        object.__setattr__(self, name, value)
