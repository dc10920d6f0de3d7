"""Flows of a plan, downstream, and marginal costs, upstream (DTO-R)."""

from typing import NamedTuple

import numpy as np

from edge_llm_gym.compiled import kernel, part_kernel
from edge_llm_gym.problems.arrays import Floats, Ints
from edge_llm_gym.solvers.dto_ee.network import Network

MINIMUM_PENALTY = 0.05
"""Least excess in the overload penalty, as a share of the mean service time: wait factors may be near zero."""


class Plan(NamedTuple):
    """Decision variables of senders and nodes."""

    share: Floats
    """[L] share of its requests that the sender of a link sends on it."""
    level: Ints
    """[K] threshold level: the node forwards the cells whose level is at most this."""
    forward: Floats
    """[K, C] share of each cell that the node forwards."""


class Flow(NamedTuple):
    """Flows that follow from a plan."""

    arriving: Floats
    """[K, C] flow of each cell into each node."""
    leaving: Floats
    """[K, C] flow of each cell that each node forwards."""
    node: Floats
    """[K] flow into each node."""
    sent: Floats
    """[D + K] flow that each sender sends."""
    forward_ratio: Floats
    """[K] share of its flow that each node forwards; for the mean mix of requests if it receives none."""


class Price(NamedTuple):
    """Marginal costs: cost of one more unit of flow from a node or link on."""

    cell: Floats
    """[K, C] of flow of this cell that enters the node."""
    node: Floats
    """[K] of flow with the mix of cells that enters the node."""
    own: Floats
    """[K] part of it that arises at the node: queueing and service, less the value of the answers given there."""
    best: Floats
    """[K] the same as `node`, if every node from this one on used its cheapest link."""
    fresh: Floats
    """[K] of flow that comes directly from a device; first stage only."""
    link: Floats
    """[L] of flow on this link, with the mix of cells that its sender sends."""


@kernel
def node_delay(
    flow: float, service: float, excess: float, load: float, minimum_idle_share: float
) -> tuple[float, float, float]:
    """Delay of all flow through a node, its slope and its curvature; ``excess`` is that of the network.

    Where the idle share of the node's time is less than ``minimum_idle_share``, the delay continues as its osculating
    parabola: an exterior penalty that is finite for any overload and has a continuous slope and curvature.
    """
    idle = max(1 - load * flow, minimum_idle_share)
    slope = service - excess + excess / idle**2
    curvature = 2 * excess * load / idle**3
    inside = (1 - idle) / load
    delay = (service - excess) * inside + excess / load * (1 / idle - 1)
    beyond = flow - inside
    if beyond > 0:
        curvature = 2 * max(excess, MINIMUM_PENALTY * service) * load / idle**3
    return delay + slope * beyond + 0.5 * curvature * beyond**2, slope + curvature * beyond, curvature


@part_kernel
def propagate_flow(network: Network, plan: Plan, flow: Flow) -> None:
    """Compute the ``flow`` of ``plan``."""
    for node in range(network.first_node[1]):
        flow.node[node] = 0.0
    for device in range(network.rate.size):
        flow.sent[device] = network.rate[device]
        for link in range(network.first_link[device], network.first_link[device + 1]):
            flow.node[network.receiver[link]] += network.rate[device] * plan.share[link]
    for node in range(network.first_node[1]):
        for cell in range(network.weight.size):
            flow.arriving[node, cell] = flow.node[node] * network.weight[cell]
    propagate_from(network, plan, flow, 1)


@part_kernel
def propagate_from(network: Network, plan: Plan, flow: Flow, stage: int) -> None:
    """Update ``flow`` from a stage on, counted from 1, if nothing has changed upstream of it."""
    for node in range(network.first_node[stage], network.service.size):
        for cell in range(network.weight.size):
            flow.arriving[node, cell] = 0.0
    for node in range(network.first_node[stage - 1], network.service.size):
        forward_flow(network, plan, flow, node)


@kernel
def forward_flow(network: Network, plan: Plan, flow: Flow, node: int) -> None:
    """Compute what a node forwards, once all its arriving flow is known."""
    sender = network.rate.size + node
    for cell in range(network.weight.size):
        flow.leaving[node, cell] = flow.arriving[node, cell] * plan.forward[node, cell]
    flow.node[node] = weighted_sum(flow.arriving[node], network.one)
    flow.sent[sender] = weighted_sum(flow.leaving[node], network.one)
    if flow.node[node] > 0:
        flow.forward_ratio[node] = flow.sent[sender] / flow.node[node]
    else:
        flow.forward_ratio[node] = weighted_sum(plan.forward[node], network.weight)
    for link in range(network.first_link[sender], network.first_link[sender + 1]):
        share, receiver = plan.share[link], network.receiver[link]
        for cell in range(network.weight.size):
            flow.arriving[receiver, cell] += share * flow.leaving[node, cell]


@kernel
def total_cost(network: Network, plan: Plan, flow: Flow, minimum_idle_share: float) -> float:
    """The minimised objective: mean delay with the overload penalty, less the value of the answers."""
    return total_delay(network, plan, flow, minimum_idle_share) - total_answer_value(network, flow)


@part_kernel
def total_delay(network: Network, plan: Plan, flow: Flow, minimum_idle_share: float) -> float:
    """Mean delay over all requests, with the overload penalty."""
    delay = 0.0
    for node in range(network.service.size):
        service, excess, load = network.service[node], network.excess[node], network.load[node]
        delay += node_delay(flow.node[node], service, excess, load, minimum_idle_share)[0]
    for link in range(network.sender.size):
        delay += flow.sent[network.sender[link]] * plan.share[link] * network.delay[link]
    return delay


@part_kernel
def total_answer_value(network: Network, flow: Flow) -> float:
    """Mean value of the answers."""
    answer_value = 0.0
    for node in range(network.service.size):
        answer_value += weighted_sum(network.reward[node], flow.arriving[node])
        answer_value -= weighted_sum(network.reward[node], flow.leaving[node])
    return answer_value


@part_kernel
def update_prices(network: Network, plan: Plan, flow: Flow, price: Price, minimum_idle_share: float) -> float:
    """Compute ``price`` from the last stage to the devices; returns the cost of the flow beyond its cheapest paths.

    With given pass ratios this is the Frank-Wolfe duality gap, an upper bound on the distance from the optimum.
    """
    for node in range(network.service.size - 1, -1, -1):
        price_node(network, plan, flow, price, node, minimum_idle_share)
    gap = 0.0
    for node in range(network.first_node[1]):
        price.fresh[node] = weighted_sum(price.cell[node], network.weight)
    for device in range(network.rate.size):
        for link in range(network.first_link[device], network.first_link[device + 1]):
            price.link[link] = network.delay[link] + price.fresh[network.receiver[link]]
        paid, best = onward_prices(network, plan, price, device)
        gap += network.rate[device] * (paid - best)
    return gap


@kernel
def price_node(network: Network, plan: Plan, flow: Flow, price: Price, node: int, minimum_idle_share: float) -> None:
    """Prices of one node and its links, once those of its receivers are known."""
    price_cells(network, plan, flow, price, node, minimum_idle_share)
    sender = network.rate.size + node
    mix, amount = (flow.leaving[node], flow.sent[sender]) if flow.sent[sender] > 0 else (network.weight, 1.0)
    for link in range(network.first_link[sender], network.first_link[sender + 1]):
        price.link[link] = network.delay[link] + weighted_sum(price.cell[network.receiver[link]], mix) / amount
    paid, best = onward_prices(network, plan, price, sender)
    mix, amount = (flow.arriving[node], flow.node[node]) if flow.node[node] > 0 else (network.weight, 1.0)
    price.node[node] = weighted_sum(price.cell[node], mix) / amount
    price.own[node] = price.node[node] - flow.forward_ratio[node] * paid
    price.best[node] = price.own[node] + flow.forward_ratio[node] * best


@kernel
def price_cells(network: Network, plan: Plan, flow: Flow, price: Price, node: int, minimum_idle_share: float) -> None:
    """Price of each cell at one node: marginal delay, then the value of its answer or the cost of forwarding it."""
    service, excess, load = network.service[node], network.excess[node], network.load[node]
    slope = node_delay(flow.node[node], service, excess, load, minimum_idle_share)[1]
    for cell in range(network.weight.size):
        price.cell[node, cell] = slope - (1 - plan.forward[node, cell]) * network.reward[node, cell]
    sender = network.rate.size + node
    for link in range(network.first_link[sender], network.first_link[sender + 1]):
        share, delay, receiver = plan.share[link], network.delay[link], network.receiver[link]
        for cell in range(network.weight.size):
            price.cell[node, cell] += plan.forward[node, cell] * share * (delay + price.cell[receiver, cell])


@kernel
def onward_prices(network: Network, plan: Plan, price: Price, sender: int) -> tuple[float, float]:
    """Cost of a unit of a sender's flow from its links on: as it is sent, and on the cheapest path."""
    paid, best = 0.0, np.inf
    for link in range(network.first_link[sender], network.first_link[sender + 1]):
        receiver = network.receiver[link]
        paid += plan.share[link] * price.link[link]
        best = min(best, price.link[link] - price.node[receiver] + price.best[receiver])
    return paid, (best if best < np.inf else paid)


@kernel
def weighted_sum(value: Floats, weight: Floats) -> float:
    """Sum of ``value`` [C] times ``weight`` [C], in four partial sums that the processor can add in parallel."""
    first, second, third, fourth = 0.0, 0.0, 0.0, 0.0
    quarters = value.size - value.size % 4
    for cell in range(0, quarters, 4):
        first += value[cell] * weight[cell]
        second += value[cell + 1] * weight[cell + 1]
        third += value[cell + 2] * weight[cell + 2]
        fourth += value[cell + 3] * weight[cell + 3]
    for cell in range(quarters, value.size):
        first += value[cell] * weight[cell]
    return (first + second) + (third + fourth)
