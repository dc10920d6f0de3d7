"""The threshold turns of a DTO-O round: each node in turn moves its threshold when the utility gains."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from edge_llm_gym.compiled import kernel
from edge_llm_gym.solvers.dto_ee_flow import Flow, Plan, Price, pull_prices, push_from, total_cost
from edge_llm_gym.solvers.dto_ee_network import Network

Floats = NDArray[np.float64]

LEAST_GAIN = 1e-6
"""Gain, as a share of the time unit, below which a threshold stays: it ends rounds of ever smaller moves."""


@njit(cache=True)
def threshold_turns(network: Network, plan: Plan, flow: Flow, price: Price, fence: float) -> tuple[int, int]:
    """Give each node one turn, from the last stage up; returns how many moved and how many probes they sent.

    Leaves ``flow`` and ``price`` as the plan makes them.
    """
    moved, probes = 0, 0
    for node in range(network.service.size - 1, -1, -1):
        if network.level_count[node] > 0:
            tried, gained = threshold_turn(network, plan, flow, price, node, fence)
            probes += tried
            moved += gained
    return moved, probes


@njit(cache=True)
def threshold_turn(network: Network, plan: Plan, flow: Flow, price: Price, node: int, fence: float) -> tuple[int, bool]:
    """Probe the level that looks best at present prices, then levels ever closer to the present one.

    Delay is convex in the flows, so prices overrate what any move gains: a node that sees no gain need not ask.
    """
    present = plan.level[node]
    level, gain = most_promising(network, plan, flow, price, node)
    cost = total_cost(network, plan, flow, fence)
    probes = 0
    while level != present and gain > LEAST_GAIN:
        probes += 1
        set_level(network, plan, node, level)
        push_from(network, plan, flow, network.stage[node])
        if total_cost(network, plan, flow, fence) < cost - LEAST_GAIN:
            pull_prices(network, plan, flow, price, fence)
            return probes, True
        level = present + int((level - present) / 2)
    if probes > 0:
        set_level(network, plan, node, present)
        push_from(network, plan, flow, network.stage[node])
    return probes, False


@kernel
def set_level(network: Network, plan: Plan, node: int, level: int) -> None:
    """Set a node's threshold, and with it what the node keeps."""
    plan.level[node] = level
    for cell in range(network.weight.size):
        plan.keep[node, cell] = 1.0 if network.cell_level[node, cell] <= level else 0.0


@njit(cache=True)
def most_promising(network: Network, plan: Plan, flow: Flow, price: Price, node: int) -> tuple[int, float]:
    """The level that costs least at present prices, and how much less than the present one."""
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
