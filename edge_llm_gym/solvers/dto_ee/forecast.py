"""The upstream half of a Newton step: prices at which the simultaneous moves of all senders are consistent.

The step is that of an interior-point method in the flows x of the links. Each link has a slack s > 0, the price by
which it exceeds the sender's cheapest path, and the complementarity products x s are driven to zero. Linearised, a
sender responds to prices like a network of resistors: it moves flow to cheaper links in proportion to the conductances
x / s. The response of each stage is eliminated from the last stage up, so that each node only tells its senders its
price and the rise of its price with the flow.
"""

from typing import NamedTuple

import numpy as np

from edge_llm_gym.compiled import kernel, njit
from edge_llm_gym.problems.arrays import Floats
from edge_llm_gym.solvers.dto_ee.flow import Flow, Plan, Price, node_delay
from edge_llm_gym.solvers.dto_ee.many_senders import subtract_pairs, sums_in_blocks
from edge_llm_gym.solvers.dto_ee.network import Network

CENTRING = 0.2
"""Centring parameter: share of the product x s that a round aims at; smaller means longer steps."""
MINIMUM_FLOW = 1e-9
"""Least flow that a sender is assumed to have, so that the shares of a sender without requests follow the prices."""


class Step(NamedTuple):
    """Work arrays of one round."""

    amount: Floats
    """[L] flow on a link; a share of MINIMUM_FLOW if its sender has nothing to send."""
    conductance: Floats
    """[L] flow that moves per unit of price."""
    offset: Floats
    """[L] price of a link beyond that of its receiver, less the barrier term."""
    total: Floats
    """[D + K] sum of a sender's conductances."""
    mean: Floats
    """[D + K] mean offset of a sender's links, weighted by conductance."""
    price: Floats
    """[K] price of a node at the present flow into its stage."""
    rise: Floats
    """[K, K] derivative of a node's price by the flow into each node of its stage."""
    response: Floats
    """[K, 1 + K] change of a node's flow: constant part, and per unit of flow from each node of the stage before."""
    node_change: Floats
    """[K] change of a node's flow."""
    node_price: Floats
    """[K] price of a node after a full step."""
    move: Floats
    """[L] change of a link's flow in a full step."""
    slack: Floats
    """[L] slack of a link after a full step."""


@kernel
def stage_senders(network: Network, stage: int) -> tuple[int, int]:
    """First sender of a stage and the one after its last; stage 0 is the devices."""
    devices = network.rate.size
    if stage == 0:
        return 0, devices
    return devices + network.first_node[stage - 1], devices + network.first_node[stage]


@kernel
def initialise_prices(network: Network, flow: Flow, price: Price, step: Step, minimum_idle_share: float) -> None:
    """Initialise every node's price and its derivative with the part that arises at the node itself."""
    for node in range(network.service.size):
        for other in range(network.service.size):
            step.rise[node, other] = 0.0
        service, excess, load = network.service[node], network.excess[node], network.load[node]
        step.price[node] = price.own[node]
        step.rise[node, node] = node_delay(flow.node[node], service, excess, load, minimum_idle_share)[2]


@kernel
def linearise_links(
    network: Network, plan: Plan, flow: Flow, price: Price, slack: Floats, step: Step, sender: int, floor: float
) -> None:
    """Flows, conductances and offsets of a sender's links."""
    links = range(network.first_link[sender], network.first_link[sender + 1])
    sent = max(flow.sent[sender], MINIMUM_FLOW)
    target = complementarity_target(plan, price, slack, links.start, links.stop, sent, floor)
    step.total[sender], step.mean[sender] = 0.0, 0.0
    for link in links:
        step.amount[link] = sent * plan.share[link]
        step.conductance[link] = step.amount[link] / slack[link]
        step.offset[link] = price.link[link] - price.node[network.receiver[link]] - target / step.amount[link]
        step.total[sender] += step.conductance[link]
        step.mean[sender] += step.conductance[link] * step.offset[link]
    if len(links) > 0:
        step.mean[sender] /= step.total[sender]


@kernel
def complementarity_target(
    plan: Plan, price: Price, slack: Floats, first: int, end: int, sent: float, floor: float
) -> float:
    """Target of the product x s on each link first .. end - 1 of a sender.

    It is a share of the present mean, but not of less than the sender could still save: products that vanish before
    the savings would fix flows at their bounds.
    """
    cheapest = np.inf
    for link in range(first, end):
        cheapest = min(cheapest, price.link[link])
    product, saving = 0.0, 0.0
    for link in range(first, end):
        product += plan.share[link] * slack[link]
        saving += plan.share[link] * (price.link[link] - cheapest)
    wanted = max(CENTRING * max(product, min(saving, 1.0)), floor)
    return sent * wanted / max(end - first, 1)


@njit(cache=True)
def eliminate_stage(network: Network, flow: Flow, step: Step, stage: int) -> None:
    """Eliminate the response of the flow into the next stage, and add its effect to the prices of this stage."""
    low, size = network.first_node[stage], network.first_node[stage + 1] - network.first_node[stage]
    first, end = stage_senders(network, stage)
    columns = 1 + end - first if stage > 0 else 1
    laplacian = np.zeros((size, size))
    response = np.zeros((size, columns))
    blocks = sums_in_blocks(network.first_link, first, end, size)
    if blocks:
        pairs = network.receiver - low
        subtract_pairs(network.first_link, pairs, step.conductance, step.total, (first, end), laplacian)
    for sender in range(first, end):
        column = 1 + sender - first if stage > 0 else 0
        add_sender(network, step, sender, low, laplacian, response, column, not blocks)
    solve_in_place(stage_system(step, laplacian, response, low), response)
    for row in range(size):
        for column in range(columns):
            step.response[low + row, column] = response[row, column]
    if stage > 0:
        add_downstream_prices(network, flow, step, stage, price_effect(step, response, low))


@kernel
def add_sender(
    network: Network, step: Step, sender: int, low: int, laplacian: Floats, right: Floats, column: int, pairs: bool
) -> None:
    """Add the contribution of one sender to the equations of its receivers; without ``pairs``, only to the diagonal."""
    links = range(network.first_link[sender], network.first_link[sender + 1])
    for link in links:
        row = network.receiver[link] - low
        conductance = step.conductance[link]
        laplacian[row, row] += conductance
        right[row, 0] += conductance * (step.mean[sender] - step.offset[link])
        if column > 0:
            right[row, column] = conductance / step.total[sender]
        if not pairs:
            continue
        for other in links:
            laplacian[row, network.receiver[other] - low] -= conductance * step.conductance[other] / step.total[sender]


@njit(cache=True)
def stage_system(step: Step, laplacian: Floats, right: Floats, low: int) -> Floats:
    """Matrix of a stage's equations, 1 + laplacian @ rise; subtracts laplacian @ price from their right side."""
    size = laplacian.shape[0]
    system = np.zeros((size, size))
    for row in range(size):
        system[row, row] = 1.0
        for inner in range(size):
            right[row, 0] -= laplacian[row, inner] * step.price[low + inner]
            add_multiple(system[row], laplacian[row, inner], step.rise[low + inner, low : low + size])
    return system


@njit(cache=True)
def price_effect(step: Step, response: Floats, low: int) -> Floats:
    """Prices of a stage's nodes, and their rise per unit of flow from each node of the stage before."""
    size, columns = response.shape
    effect = np.zeros((size, columns))
    for row in range(size):
        effect[row, 0] = step.price[low + row]
        for inner in range(size):
            add_multiple(effect[row], step.rise[low + row, low + inner], response[inner])
    return effect


@kernel
def add_multiple(target: Floats, factor: float, values: Floats) -> None:
    """Add ``factor`` times ``values`` to ``target`` of the same size."""
    # Callers pass slices: a loop whose index starts at zero is compiled to vector instructions.
    for place in range(target.size):
        target[place] += factor * values[place]


@kernel
def add_downstream_prices(network: Network, flow: Flow, step: Step, stage: int, effect: Floats) -> None:
    """Add the cost of forwarding to the prices of a stage's nodes, given its ``effect`` on the prices downstream."""
    low, high = network.first_node[stage - 1], network.first_node[stage]
    for node in range(low, high):
        sender, forward_ratio = network.rate.size + node, flow.forward_ratio[node]
        if forward_ratio == 0.0 or network.first_link[sender] == network.first_link[sender + 1]:
            continue
        step.price[node] += forward_ratio * step.mean[sender]
        step.rise[node, node] += forward_ratio**2 / step.total[sender]
        for link in range(network.first_link[sender], network.first_link[sender + 1]):
            part = forward_ratio * step.conductance[link] / step.total[sender]
            row = network.receiver[link] - high
            step.price[node] += part * effect[row, 0]
            rise, onward, forwarded = step.rise[node, low:high], effect[row, 1:], flow.forward_ratio[low:high]
            for other in range(rise.size):
                rise[other] += part * onward[other] * forwarded[other]


@kernel
def solve_in_place(system: Floats, right: Floats) -> None:
    """Replace ``right`` by the solution of system @ x = right: Gaussian elimination with partial pivoting.

    Unknowns of a pivot of zero are zero: at an overload of many orders of magnitude, rows are equal up to rounding.
    """
    size, columns = right.shape
    for column in range(size):
        exchange_pivot_row(system, right, column)
        if system[column, column] == 0.0:
            continue
        for row in range(column + 1, size):
            factor = system[row, column] / system[column, column]
            add_multiple(system[row, column:], -factor, system[column, column:])
            add_multiple(right[row], -factor, right[column])
    for row in range(size - 1, -1, -1):
        for inner in range(row + 1, size):
            add_multiple(right[row], -system[row, inner], right[inner])
        for column in range(columns):
            right[row, column] = right[row, column] / system[row, row] if system[row, row] != 0.0 else 0.0


@kernel
def exchange_pivot_row(system: Floats, right: Floats, column: int) -> None:
    """Exchange rows so that the largest entry of a column, from the diagonal down, is on the diagonal."""
    pivot = column
    for row in range(column + 1, system.shape[0]):
        if abs(system[row, column]) > abs(system[pivot, column]):
            pivot = row
    for other in range(system.shape[1]):
        system[column, other], system[pivot, other] = system[pivot, other], system[column, other]
    for other in range(right.shape[1]):
        right[column, other], right[pivot, other] = right[pivot, other], right[column, other]
