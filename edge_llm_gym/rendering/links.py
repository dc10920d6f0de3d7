"""Links and the requests that took them, for the dynamics that forward requests between nodes."""

from dataclasses import dataclass

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.sim.simulator import Simulator


@dataclass(frozen=True)
class Flow:
    """Requests of the last epoch that took a link. Senders are indexed as in `offload`: devices, then nodes."""

    sender: int
    node: int
    requests: int


def link_counts(simulator: Simulator, device: Array, visited: Array) -> Array:
    """[D + K, K] int64, how many requests took each link, for n requests sent by device [n] int.

    `visited` [n, S] int holds 1 + node in each stage, 0 for none.
    """
    devices, nodes = simulator.scenario.devices.count, simulator.nodes
    counts = np.zeros((devices + nodes, nodes), np.int64)
    route = visited.astype(np.int64) - 1
    np.add.at(counts, (device, route[:, 0]), 1)
    for source, target in zip(route.T[:-1], route.T[1:], strict=True):
        forwarded = target >= 0
        np.add.at(counts, (devices + source[forwarded], target[forwarded]), 1)
    return counts


def flows_of(counts: Array) -> tuple[Flow, ...]:
    """The links in use among counts [D + K, K]."""
    return tuple(Flow(int(sender), int(node), int(counts[sender, node])) for sender, node in np.argwhere(counts > 0))


def wires_of(simulator: Simulator) -> tuple[tuple[int, int], ...]:
    """All wired links, from node to node."""
    return tuple((int(source), int(target)) for source, target in np.argwhere(simulator.scenario.network.has_link))
