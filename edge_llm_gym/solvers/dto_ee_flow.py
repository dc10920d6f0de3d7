"""What a plan costs, and what one more request would: flows go downstream, marginal costs come back up (DTO-R)."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_llm_gym.compiled import kernel
from edge_llm_gym.solvers.dto_ee_network import Network

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Plan(NamedTuple):
    """What senders and nodes decide."""

    share: Floats
    """[L] share of its requests that a link's sender puts on it."""
    level: Integers
    """[K] threshold level: the node passes on the cells whose level is at most this."""
    keep: Floats
    """[K, C] share of each cell that the node passes on."""


class Flow(NamedTuple):
    """What follows from a plan, going downstream."""

    arriving: Floats
    """[K, C] flow of each cell into each node."""
    leaving: Floats
    """[K, C] flow of each cell that each node passes on."""
    node: Floats
    """[K] flow into each node."""
    sent: Floats
    """[D + K] flow that each sender has to send on."""
    passed: Floats
    """[K] share of its flow that each node passes on; of a request of any kind, where it has none."""


class Price(NamedTuple):
    """What one more unit of flow would cost from here on, coming upstream."""

    cell: Floats
    """[K, C] if it is of this cell and enters here."""
    node: Floats
    """[K] if it is mixed like what enters here."""
    own: Floats
    """[K] the part of it that arises here: queueing and service, less the worth of the answers given here."""
    best: Floats
    """[K] the same, if every node from here on sent it the cheapest way."""
    fresh: Floats
    """[K] if it comes straight from a device; first stage only."""
    link: Floats
    """[L] if it is mixed like what the link's sender sends on, and takes this link."""


@kernel
def node_delay(flow: float, service: float, excess: float, load: float, fence: float) -> tuple[float, float, float]:
    """Delay of all flow through an M/G/1 node, its slope and its curvature.

    Once less than ``fence`` of the node's time is idle, the curve goes on as its osculating parabola: an exterior
    penalty that is finite for any overload, and whose slope and curvature are continuous.
    """
    idle = max(1 - load * flow, fence)
    slope = service - excess + excess / idle**2
    curvature = 2 * excess * load / idle**3
    inside = (1 - idle) / load
    delay = (service - excess) * inside + excess / load * (1 / idle - 1)
    beyond = flow - inside
    return delay + slope * beyond + 0.5 * curvature * beyond**2, slope + curvature * beyond, curvature


@kernel
def push_flow(network: Network, plan: Plan, flow: Flow) -> None:
    """Fill ``flow`` with what ``plan`` leads to."""
    for node in range(network.first_node[1]):
        flow.node[node] = 0.0
    for device in range(network.rate.size):
        flow.sent[device] = network.rate[device]
        for link in range(network.first_link[device], network.first_link[device + 1]):
            flow.node[network.receiver[link]] += network.rate[device] * plan.share[link]
    for node in range(network.first_node[1]):
        for cell in range(network.weight.size):
            flow.arriving[node, cell] = flow.node[node] * network.weight[cell]
    push_from(network, plan, flow, 1)


@kernel
def push_from(network: Network, plan: Plan, flow: Flow, stage: int) -> None:
    """Bring ``flow`` up to date from a stage on, counted from 1, when nothing has changed upstream of it."""
    for node in range(network.first_node[stage], network.service.size):
        for cell in range(network.weight.size):
            flow.arriving[node, cell] = 0.0
    for node in range(network.first_node[stage - 1], network.service.size):
        pass_on(network, plan, flow, node)


@kernel
def pass_on(network: Network, plan: Plan, flow: Flow, node: int) -> None:
    """Send on, from a node that has received all its flow, what the plan keeps."""
    sender = network.rate.size + node
    for cell in range(network.weight.size):
        flow.leaving[node, cell] = flow.arriving[node, cell] * plan.keep[node, cell]
    flow.node[node] = weighted_sum(flow.arriving[node], network.one)
    flow.sent[sender] = weighted_sum(flow.leaving[node], network.one)
    if flow.node[node] > 0:
        flow.passed[node] = flow.sent[sender] / flow.node[node]
    else:
        flow.passed[node] = weighted_sum(plan.keep[node], network.weight)
    for link in range(network.first_link[sender], network.first_link[sender + 1]):
        share, receiver = plan.share[link], network.receiver[link]
        for cell in range(network.weight.size):
            flow.arriving[receiver, cell] += share * flow.leaving[node, cell]


@kernel
def total_cost(network: Network, plan: Plan, flow: Flow, fence: float) -> float:
    """What the scheduler minimises: mean delay, overload fenced, less the worth of the answers."""
    return total_delay(network, plan, flow, fence) - total_worth(network, flow)


@kernel
def total_delay(network: Network, plan: Plan, flow: Flow, fence: float) -> float:
    """Mean delay over all requests, overload fenced."""
    delay = 0.0
    for node in range(network.service.size):
        service, excess, load = network.service[node], network.excess[node], network.load[node]
        delay += node_delay(flow.node[node], service, excess, load, fence)[0]
    for link in range(network.sender.size):
        delay += flow.sent[network.sender[link]] * plan.share[link] * network.delay[link]
    return delay


@kernel
def total_worth(network: Network, flow: Flow) -> float:
    """Mean worth of the answers."""
    worth = 0.0
    for node in range(network.service.size):
        worth += weighted_sum(network.reward[node], flow.arriving[node])
        worth -= weighted_sum(network.reward[node], flow.leaving[node])
    return worth


@kernel
def pull_prices(network: Network, plan: Plan, flow: Flow, price: Price, fence: float) -> float:
    """Fill ``price`` from the last stage to the devices; returns how much cheaper the cheapest ways would be.

    With given pass ratios that is the Frank-Wolfe duality gap, which bounds the distance from the optimum.
    """
    for node in range(network.service.size - 1, -1, -1):
        price_node(network, plan, flow, price, node, fence)
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
def price_node(network: Network, plan: Plan, flow: Flow, price: Price, node: int, fence: float) -> None:
    """The prices of one node and its links, once those of its receivers stand."""
    price_cells(network, plan, flow, price, node, fence)
    sender = network.rate.size + node
    mix, amount = (flow.leaving[node], flow.sent[sender]) if flow.sent[sender] > 0 else (network.weight, 1.0)
    for link in range(network.first_link[sender], network.first_link[sender + 1]):
        price.link[link] = network.delay[link] + weighted_sum(price.cell[network.receiver[link]], mix) / amount
    paid, best = onward_prices(network, plan, price, sender)
    mix, amount = (flow.arriving[node], flow.node[node]) if flow.node[node] > 0 else (network.weight, 1.0)
    price.node[node] = weighted_sum(price.cell[node], mix) / amount
    price.own[node] = price.node[node] - flow.passed[node] * paid
    price.best[node] = price.own[node] + flow.passed[node] * best


@kernel
def price_cells(network: Network, plan: Plan, flow: Flow, price: Price, node: int, fence: float) -> None:
    """The price of each cell at one node: its delay here, then its answer's worth or what sending it on costs."""
    service, excess, load = network.service[node], network.excess[node], network.load[node]
    slope = node_delay(flow.node[node], service, excess, load, fence)[1]
    for cell in range(network.weight.size):
        price.cell[node, cell] = slope - (1 - plan.keep[node, cell]) * network.reward[node, cell]
    sender = network.rate.size + node
    for link in range(network.first_link[sender], network.first_link[sender + 1]):
        share, delay, receiver = plan.share[link], network.delay[link], network.receiver[link]
        for cell in range(network.weight.size):
            price.cell[node, cell] += plan.keep[node, cell] * share * (delay + price.cell[receiver, cell])


@kernel
def onward_prices(network: Network, plan: Plan, price: Price, sender: int) -> tuple[float, float]:
    """What a unit of a sender's flow pays from its links on, and what it would pay the cheapest way."""
    paid, best = 0.0, np.inf
    for link in range(network.first_link[sender], network.first_link[sender + 1]):
        receiver = network.receiver[link]
        paid += plan.share[link] * price.link[link]
        best = min(best, price.link[link] - price.node[receiver] + price.best[receiver])
    return paid, (best if best < np.inf else paid)


@kernel
def weighted_sum(value: Floats, weight: Floats) -> float:
    """Sum of ``value`` [C] times ``weight`` [C]; in four parts, since each addition would wait for the one before."""
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
