"""The threshold part of a DTO-O round: each node in turn changes its threshold if that raises the utility."""

import numpy as np

from edge_llm_gym.compiled import kernel, njit
from edge_llm_gym.solvers.dto_ee.flow import Flow, Plan, Price, propagate_from, total_cost, update_prices
from edge_llm_gym.solvers.dto_ee.network import Network

MINIMUM_GAIN = 1e-6
"""Gain, as a share of the time unit, below which a threshold stays, so that rounds of ever smaller moves end."""


@njit(cache=True)
def update_thresholds(
    network: Network, plan: Plan, flow: Flow, price: Price, minimum_idle_share: float
) -> tuple[int, int]:
    """Update each node's threshold once, from the last stage up; returns the numbers of changes and of probes.

    Afterwards ``flow`` and ``price`` are those of the plan.
    """
    moved, probes = 0, 0
    for node in range(network.service.size - 1, -1, -1):
        if network.level_count[node] > 0:
            tried, gained = update_threshold(network, plan, flow, price, node, minimum_idle_share)
            probes += tried
            moved += gained
    return moved, probes


@njit(cache=True)
def update_threshold(
    network: Network, plan: Plan, flow: Flow, price: Price, node: int, minimum_idle_share: float
) -> tuple[int, bool]:
    """Probe the cheapest level at present prices, then levels ever closer to the present one.

    Delay is convex in the flows, so the gain at present prices is an upper bound: without one, no probe is needed.
    """
    present = plan.level[node]
    level, gain = cheapest_level(network, plan, flow, price, node)
    cost = total_cost(network, plan, flow, minimum_idle_share)
    probes = 0
    while level != present and gain > MINIMUM_GAIN:
        probes += 1
        set_level(network, plan, node, level)
        propagate_from(network, plan, flow, network.stage[node])
        if total_cost(network, plan, flow, minimum_idle_share) < cost - MINIMUM_GAIN:
            update_prices(network, plan, flow, price, minimum_idle_share)
            return probes, True
        level = present + int((level - present) / 2)
    if probes > 0:
        set_level(network, plan, node, present)
        propagate_from(network, plan, flow, network.stage[node])
    return probes, False


@kernel
def set_level(network: Network, plan: Plan, node: int, level: int) -> None:
    """Set a node's threshold level and the cells that it forwards."""
    plan.level[node] = level
    for cell in range(network.weight.size):
        plan.forward[node, cell] = 1.0 if network.cell_level[node, cell] <= level else 0.0


@njit(cache=True)
def cheapest_level(network: Network, plan: Plan, flow: Flow, price: Price, node: int) -> tuple[int, float]:
    """The level of least cost at present prices, and its gain over the present level."""
    cost = np.zeros(network.level_count[node] + 1)
    for cell in range(network.weight.size):
        cost[network.cell_level[node, cell]] += flow.arriving[node, cell] * network.reward[node, cell]
    sender = network.rate.size + node
    for link in range(network.first_link[sender], network.first_link[sender + 1]):
        share, delay, receiver = plan.share[link], network.delay[link], network.receiver[link]
        for cell in range(network.weight.size):
            onward = share * (delay + price.cell[receiver, cell])
            cost[network.cell_level[node, cell]] += flow.arriving[node, cell] * onward
    best = 0
    for level in range(1, network.level_count[node]):
        cost[level] += cost[level - 1]
        if cost[level] < cost[best]:
            best = level
    return best, cost[plan.level[node]] - cost[best]
