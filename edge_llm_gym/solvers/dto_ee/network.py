"""The routing problem in the form of the kernels: dimensionless, links in stage order, profile rows in cells."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from edge_llm_gym.problems.arrays import Floats, Ints
from edge_llm_gym.problems.routing import EarlyExit, RoutingProblem

_MOST_KEYS = 2**62
MINIMUM_EXCESS = 3e-5
"""Least excess, as a share of the mean service time: without waits, nothing would keep a node from overload."""


class Network(NamedTuple):
    """Senders are the D devices, then the K reachable nodes in stage order; L links, grouped by sender.

    Flow is a share of all arrivals and time a multiple of ``Layout.time_s``. Rows of the exit profile that no threshold
    on the grid distinguishes form one of C cells; with given pass ratios there is a single cell.
    """

    rate: Floats
    """[D] flow from each device, 1 in total."""
    service: Floats
    """[K] mean service time."""
    excess: Floats
    """[K] wait factor times mean residual service time: the mean wait at utilisation u is excess * u / (1 - u)."""
    load: Floats
    """[K] utilisation per unit of flow."""
    sender: Ints
    """[L] from 0..D+K-1."""
    receiver: Ints
    """[L] from 0..K-1."""
    delay: Floats
    """[L] time on the link."""
    first_link: Ints
    """[D + K + 1] links first_link[i] .. first_link[i + 1] - 1 are those of sender i."""
    first_node: Ints
    """[S + 1] nodes first_node[s - 1] .. first_node[s] - 1 are those of stage s."""
    stage: Ints
    """[K] stage of each node, from 1."""
    weight: Floats
    """[C] share of the requests in each cell, 1 in total."""
    one: Floats
    """[C] ones, to sum over cells."""
    reward: Floats
    """[K, C] value of an answer at each node's exit."""
    cell_level: Ints
    """[K, C] lowest threshold level at which the node forwards the cell."""
    level_count: Ints
    """[K] number of threshold levels to choose from; 0 for a node without a choice."""


class Layout(NamedTuple):
    """Mapping from a Network back to its problem."""

    node: Ints
    """[K'] the problem's index of each node."""
    time_s: float
    """Seconds in one unit of time."""
    levels: tuple[Floats, ...]
    """[E] thresholds of the levels of each exit; empty where pass ratios are given."""


class Cells(NamedTuple):
    """Groups of exit profile rows that reach the same threshold levels."""

    levels: tuple[Floats, ...]
    """[E] ascending thresholds of each exit."""
    weight: Floats
    """[C] share of the rows."""
    correct: Floats
    """[C, E] mean correctness."""
    level: Ints
    """[C, E] lowest level that the cell's confidence does not reach: at this level and above, it is forwarded."""


def build(problem: RoutingProblem, cells: Cells | None) -> tuple[Network, Layout]:
    """The network of ``problem``, with the profile's ``cells`` where thresholds are free."""
    devices = problem.device_count
    node = np.argsort(problem.stage, kind="stable")
    node = node[problem.stage[node] > 0]
    delay_s = problem.link_delay_s[np.concatenate([np.arange(devices), devices + node])][:, node]
    # Views, which are contiguous for a single link only: kernels would be compiled for either layout.
    sender, receiver = (np.ascontiguousarray(ends) for ends in np.nonzero(np.isfinite(delay_s)))
    link_s = delay_s[sender, receiver]
    service_s = problem.service_s[node]
    time_s = float(link_s.mean() + service_s.mean())
    total = float(problem.arrival_rate.sum())
    weight, reward, cell_level, level_count = _cell_arrays(problem, node, cells)
    network = Network(
        rate=problem.arrival_rate / total,
        service=service_s / time_s,
        excess=np.maximum(problem.excess_s[node], MINIMUM_EXCESS * service_s) / time_s,
        load=total * service_s,
        sender=sender,
        receiver=receiver,
        delay=link_s / time_s,
        first_link=np.searchsorted(sender, np.arange(devices + node.size + 1)),
        first_node=np.searchsorted(problem.stage[node], np.arange(1, problem.stage.max() + 2)),
        stage=problem.stage[node],
        weight=weight,
        one=np.ones_like(weight),
        reward=reward / time_s,
        cell_level=cell_level,
        level_count=level_count,
    )
    return network, Layout(node, time_s, () if cells is None else cells.levels)


def _cell_arrays(problem: RoutingProblem, node: Ints, cells: Cells | None) -> tuple[Floats, Floats, Ints, Ints]:
    if cells is None or problem.early_exit is None:
        one = (node.size, 1)
        return np.ones(1), np.zeros(one), np.zeros(one, dtype=np.int64), np.zeros(node.size, dtype=np.int64)
    hosted = problem.early_exit.hosted_exit[node]
    count = np.array([levels.size for levels in cells.levels])[hosted]
    count[problem.is_last[node]] = 0
    reward = problem.early_exit.accuracy_weight_s * cells.correct[:, hosted].T
    return cells.weight, np.ascontiguousarray(reward), np.ascontiguousarray(cells.level[:, hosted].T), count


def free_cells(problem: RoutingProblem, level_count: int) -> Cells:
    """Cells for free thresholds, among quantiles of the confidence at each exit, 0 and 1."""
    assert problem.early_exit is not None
    return _quantile_cells(problem.early_exit, level_count, _deciding_exits(problem, problem.early_exit))


def fixed_cells(problem: RoutingProblem, threshold: Floats) -> Cells:
    """Cells for given thresholds [K]."""
    assert problem.early_exit is not None
    hosted, exits = problem.early_exit.hosted_exit, problem.early_exit.confidence.shape[1]
    levels = tuple(np.unique(threshold[hosted == e]) for e in range(exits))
    return _cells(problem.early_exit, levels, _deciding_exits(problem, problem.early_exit))


def _deciding_exits(problem: RoutingProblem, early_exit: EarlyExit) -> tuple[int, ...]:
    return tuple(np.unique(early_exit.hosted_exit[~problem.is_last & (problem.stage > 0)]).tolist())


@lru_cache(maxsize=128)  # as many exit profiles as an expert meets
def _quantile_cells(early_exit: EarlyExit, level_count: int, deciding: tuple[int, ...]) -> Cells:
    quantiles = np.quantile(early_exit.confidence, np.linspace(0, 1, level_count)[1:-1], axis=0)
    levels = tuple(np.unique(np.concatenate([[0.0], column, [1.0]])) for column in quantiles.T)
    return _cells(early_exit, levels, deciding)


def _cells(early_exit: EarlyExit, levels: tuple[Floats, ...], deciding: tuple[int, ...]) -> Cells:
    level = np.zeros(early_exit.confidence.shape, dtype=np.int64)
    key = np.zeros(len(level), dtype=np.int64)
    for e in deciding:
        level[:, e] = np.searchsorted(levels[e], early_exit.confidence[:, e], side="right")
        if key.max(initial=0) > _MOST_KEYS // (levels[e].size + 1):
            key = np.unique(key, return_inverse=True)[1]  # in the same order
        key = key * (levels[e].size + 1) + level[:, e]
    _, first, cell, count = np.unique(key, return_index=True, return_inverse=True, return_counts=True)
    right = [np.bincount(cell, column) / count for column in early_exit.correct.T]
    return Cells(levels, count / key.size, np.stack(right, axis=1), level[first])
