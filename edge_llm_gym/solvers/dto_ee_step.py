"""The routing part of a DTO-O round: all senders move their shares at once, by what their receivers' prices tell."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from edge_llm_gym.compiled import kernel
from edge_llm_gym.solvers.dto_ee_flow import Flow, Plan, Price
from edge_llm_gym.solvers.dto_ee_forecast import Step, eliminate_stage, open_prices, read_links, stage_senders
from edge_llm_gym.solvers.dto_ee_network import Network

Floats = NDArray[np.float64]

BOUNDARY = 0.95
"""Longest step, as a share of the step at which a flow or a slack would vanish."""
IDLE_SHARE = 0.8
"""Longest step, as a share of the step at which a node would have no idle time left."""


@njit(cache=True)
def newton_step(
    network: Network, plan: Plan, flow: Flow, price: Price, slack: Floats, step: Step, fence: float, floor: float
) -> None:
    """Move ``plan.share`` and ``slack`` [L] by one round.

    The products x s of a sender's links are not aimed below ``floor``, per unit of its flow, in total.
    """
    open_prices(network, flow, price, step, fence)
    last = network.first_node.size - 1
    for stage in range(last - 1, -1, -1):
        first, end = stage_senders(network, stage)
        for sender in range(first, end):
            read_links(network, plan, flow, price, slack, step, sender, floor)
        eliminate_stage(network, flow, step, stage)
    for stage in range(last):
        settle_nodes(network, flow, step, stage)
        first, end = stage_senders(network, stage)
        for sender in range(first, end):
            settle_sender(network, flow, price, step, sender)
    apply_step(network, plan, slack, step, step_length(network, flow, step, fence))


@kernel
def settle_nodes(network: Network, flow: Flow, step: Step, stage: int) -> None:
    """Change of flow and price of the nodes that a stage's senders send to, once the senders' own change stands."""
    low, high = network.first_node[stage], network.first_node[stage + 1]
    before = network.first_node[stage - 1] if stage > 0 else low
    for node in range(low, high):
        step.node_change[node] = step.response[node, 0]
        for other in range(before, low):
            more = flow.passed[other] * step.node_change[other]
            step.node_change[node] += step.response[node, 1 + other - before] * more
    for node in range(low, high):
        step.node_price[node] = step.price[node]
        for other in range(low, high):
            step.node_price[node] += step.rise[node, other] * step.node_change[other]


@kernel
def settle_sender(network: Network, flow: Flow, price: Price, step: Step, sender: int) -> None:
    """What a sender moves, given the prices of its receivers and how much more it has to send."""
    links = range(network.first_link[sender], network.first_link[sender + 1])
    node = sender - network.rate.size
    more = step.node_change[node] * flow.passed[node] if node >= 0 else 0.0
    sender_price = step.mean[sender]
    for link in links:
        part = step.conductance[link] * step.node_price[network.receiver[link]] + more / len(links)
        sender_price += part / step.total[sender]
    for link in links:
        after = step.node_price[network.receiver[link]]
        step.move[link] = step.conductance[link] * (sender_price - step.offset[link] - after)
        step.slack[link] = price.link[link] - price.node[network.receiver[link]] + after - sender_price


@kernel
def step_length(network: Network, flow: Flow, step: Step, fence: float) -> float:
    """The longest step, 1 at most, at which every flow stays positive and no node comes too close to saturation."""
    length = 1.0
    for link in range(network.sender.size):
        if step.move[link] < 0:
            length = min(length, -BOUNDARY * step.amount[link] / step.move[link])
    for node in range(network.service.size):
        idle, less_idle = 1 - network.load[node] * flow.node[node], network.load[node] * step.node_change[node]
        if idle > fence and less_idle > 0:
            length = min(length, IDLE_SHARE * idle / less_idle)
    return length


@kernel
def apply_step(network: Network, plan: Plan, slack: Floats, step: Step, length: float) -> None:
    """Take the step: shares by the common ``length``, slacks by the longest that each sender can."""
    for sender in range(network.first_link.size - 1):
        links = range(network.first_link[sender], network.first_link[sender + 1])
        total, slack_length = 0.0, 1.0
        for link in links:
            plan.share[link] = step.amount[link] + length * step.move[link]
            total += plan.share[link]
            if step.slack[link] < slack[link]:
                slack_length = min(slack_length, BOUNDARY * slack[link] / (slack[link] - step.slack[link]))
        for link in links:
            plan.share[link] /= total
            slack[link] += slack_length * (step.slack[link] - slack[link])
