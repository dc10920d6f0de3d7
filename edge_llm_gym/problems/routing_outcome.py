"""Evaluation of a routing plan: flows, delay and accuracy in steady state."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from edge_llm_gym.problems.arrays import Flags, Floats
from edge_llm_gym.problems.routing import EarlyExit, RoutingProblem

ROW_SUM_TOLERANCE = 1e-6


@dataclass(frozen=True)
class RoutingOutcome:
    """The steady state under one plan."""

    node_rate: Floats
    """[K] requests per second that reach each node."""
    pass_ratio: Floats
    """[K] share of them that each node forwards."""
    utilisation: Floats
    """[K] offered load of each node: its queue is stable below 1."""
    mean_delay_s: float
    """Mean over all requests of link delays, waits and services; infinite if a queue is unstable."""
    accuracy: float | None
    """Share of correct answers; None without an exit profile."""
    utility_s: float
    """The objective: accuracy_weight_s * accuracy - mean_delay_s, or - mean_delay_s without an exit profile."""

    @property
    def stable(self) -> bool:
        """Whether every queue is stable."""
        return bool((self.utilisation < 1).all())


def evaluate(problem: RoutingProblem, offload: ArrayLike, threshold: ArrayLike | None = None) -> RoutingOutcome:
    """The outcome of ``offload`` [D + K, K] and, where thresholds are free, of ``threshold`` [K].

    Rows of ``offload`` sum to 1 for a sender with a link, else to 0. Raises ValueError for any other offload, for a
    missing or an unused threshold, and for one that is NaN or of another shape.
    """
    share = check_offload(problem, offload)
    flow = _Flow(problem, share, None if threshold is None else np.asarray(threshold, dtype=np.float64))
    used = share > 0
    sent = np.concatenate([problem.arrival_rate, flow.node_rate * flow.pass_ratio])[:, None] * share
    link_s = float((sent[used] * problem.link_delay_s[used]).sum())
    utilisation = flow.node_rate * problem.service_s
    total = float(problem.arrival_rate.sum())
    mean_delay_s = (_node_delay(problem, flow.node_rate) + link_s) / total
    accuracy = None if problem.early_exit is None else flow.right_rate / total
    value_s = 0.0 if accuracy is None or problem.early_exit is None else problem.early_exit.accuracy_weight_s * accuracy
    return RoutingOutcome(flow.node_rate, flow.pass_ratio, utilisation, mean_delay_s, accuracy, value_s - mean_delay_s)


def check_offload(problem: RoutingProblem, offload: ArrayLike) -> Floats:
    """``offload`` as float64, after the checks that :func:`evaluate` names."""
    share = np.asarray(offload, dtype=np.float64)
    if share.shape != problem.link_delay_s.shape:
        raise ValueError(f"offload must have the shape [D + K, K] = {problem.link_delay_s.shape}, got {share.shape}")
    wrong = ~(share >= 0) | (~problem.has_link & (share > 0))
    if wrong.any():
        where = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise ValueError(f"offload must be at least 0, and 0 where there is no link, got {share[where]:g} at {where}")
    wanted = np.asarray(problem.has_link.any(axis=1), dtype=np.float64)
    off = np.abs(share.sum(axis=1) - wanted) > ROW_SUM_TOLERANCE
    if off.any():
        row = int(np.argmax(off))
        raise ValueError(f"offload row {row} must sum to {wanted[row]:g}, got {share[row].sum()}")
    return share


def mean_wait_s(problem: RoutingProblem, node_rate: Floats) -> Floats:
    """[K] mean wait at each node for the rates [K]; infinite where the queue is unstable.

    Wait factor times x E[S^2] / (2 (1 - x E[S])) (Pollaczek-Khinchine).
    """
    utilisation = node_rate * problem.service_s
    stable = utilisation < 1
    wait_s = problem.excess_s * utilisation / np.where(stable, 1 - utilisation, 1.0)
    return np.where(stable, wait_s, np.inf)


def _node_delay(problem: RoutingProblem, node_rate: Floats) -> float:
    """Sum over the nodes of rate times mean wait and service."""
    wait_s = mean_wait_s(problem, node_rate)
    return float((node_rate * (wait_s + problem.service_s)).sum()) if np.isfinite(wait_s).all() else float("inf")


class _Flow:
    """Rates through the network, stage by stage; with an exit profile, one rate for each row."""

    def __init__(self, problem: RoutingProblem, share: Floats, threshold: Floats | None) -> None:
        forwarded = _forwarded(problem, threshold)
        rows = forwarded.shape[1]
        arriving = np.repeat((problem.arrival_rate @ share[: problem.device_count])[:, None] / rows, rows, axis=1)
        for stage in range(1, int(problem.stage.max()) + 1):
            senders = np.flatnonzero(problem.stage == stage)
            inner = share[problem.device_count + senders]
            arriving += inner.T @ (arriving[senders] * forwarded[senders])
        self.node_rate: Floats = arriving.sum(axis=1)
        sent: Floats = (arriving * forwarded).sum(axis=1)
        self.pass_ratio = np.divide(sent, self.node_rate, out=forwarded.mean(axis=1), where=self.node_rate > 0)
        self.right_rate = 0.0
        if problem.early_exit is not None:
            correct = problem.early_exit.correct.T[problem.early_exit.hosted_exit]
            self.right_rate = float((arriving * (1 - forwarded) * correct).sum())


def _forwarded(problem: RoutingProblem, threshold: Floats | None) -> Floats:
    """[K, M] share of each profile row that each node forwards; one column where the pass ratios are given."""
    if (threshold is None) != (problem.early_exit is None):
        raise ValueError(
            "threshold [K] is given if and only if the problem has early_exit; got "
            + ("no threshold" if threshold is None else "a threshold and no early_exit")
        )
    if problem.early_exit is None or threshold is None:
        return np.asarray(problem.pass_ratio)[:, None] * 1.0
    return _rows_below_threshold(problem.early_exit, threshold, problem.is_last)


def _rows_below_threshold(early_exit: EarlyExit, threshold: Floats, is_last: Flags) -> Floats:
    if threshold.shape != is_last.shape or np.isnan(threshold).any():
        raise ValueError(f"threshold must be {is_last.size} numbers, one for each node, got {threshold!r}")
    confidence = early_exit.confidence.T[early_exit.hosted_exit]
    return ((confidence < threshold[:, None]) & ~is_last[:, None]).astype(np.float64)
