"""The routing part of a DTO-O round: all senders update their shares at once, by the prices of their receivers."""

from edge_llm_gym.compiled import kernel, njit
from edge_llm_gym.problems.arrays import Floats
from edge_llm_gym.solvers.dto_ee.flow import Flow, Plan, Price
from edge_llm_gym.solvers.dto_ee.forecast import (
    Step,
    eliminate_stage,
    initialise_prices,
    linearise_links,
    stage_senders,
)
from edge_llm_gym.solvers.dto_ee.network import Network

MAX_BOUNDARY_STEP = 0.95
"""Longest step, as a share of the step at which a flow or a slack would become zero."""
MAX_IDLE_REDUCTION = 0.8
"""Longest step, as a share of the step at which the idle time of a node would become zero."""


@njit(cache=True)
def newton_step(
    network: Network,
    plan: Plan,
    flow: Flow,
    price: Price,
    slack: Floats,
    step: Step,
    minimum_idle_share: float,
    floor: float,
) -> None:
    """Update ``plan.share`` and ``slack`` [L] by one Newton step.

    ``floor`` is the least target of the sum of the products x s over a sender's links, per unit of its flow.
    """
    initialise_prices(network, flow, price, step, minimum_idle_share)
    last = network.first_node.size - 1
    for stage in range(last - 1, -1, -1):
        first, end = stage_senders(network, stage)
        for sender in range(first, end):
            linearise_links(network, plan, flow, price, slack, step, sender, floor)
        eliminate_stage(network, flow, step, stage)
    for stage in range(last):
        solve_nodes(network, flow, step, stage)
        first, end = stage_senders(network, stage)
        for sender in range(first, end):
            solve_sender(network, flow, price, step, sender)
    apply_step(network, plan, slack, step, step_length(network, flow, step, minimum_idle_share))


@kernel
def solve_nodes(network: Network, flow: Flow, step: Step, stage: int) -> None:
    """Change of flow and price of the receivers of a stage's senders, once the senders' own changes are known."""
    low, high = network.first_node[stage], network.first_node[stage + 1]
    before = network.first_node[stage - 1] if stage > 0 else low
    for node in range(low, high):
        step.node_change[node] = step.response[node, 0]
        for other in range(before, low):
            more = flow.forward_ratio[other] * step.node_change[other]
            step.node_change[node] += step.response[node, 1 + other - before] * more
    for node in range(low, high):
        step.node_price[node] = step.price[node]
        for other in range(low, high):
            step.node_price[node] += step.rise[node, other] * step.node_change[other]


@kernel
def solve_sender(network: Network, flow: Flow, price: Price, step: Step, sender: int) -> None:
    """Moves of a sender's links, given the prices of its receivers and the change of its own flow."""
    links = range(network.first_link[sender], network.first_link[sender + 1])
    node = sender - network.rate.size
    more = step.node_change[node] * flow.forward_ratio[node] if node >= 0 else 0.0
    sender_price = step.mean[sender]
    for link in links:
        part = step.conductance[link] * step.node_price[network.receiver[link]] + more / len(links)
        sender_price += part / step.total[sender]
    for link in links:
        after = step.node_price[network.receiver[link]]
        step.move[link] = step.conductance[link] * (sender_price - step.offset[link] - after)
        step.slack[link] = price.link[link] - price.node[network.receiver[link]] + after - sender_price


@kernel
def step_length(network: Network, flow: Flow, step: Step, minimum_idle_share: float) -> float:
    """The longest step, at most 1, with positive flows and no node too close to saturation."""
    length = 1.0
    for link in range(network.sender.size):
        if step.move[link] < 0:
            length = min(length, -MAX_BOUNDARY_STEP * step.amount[link] / step.move[link])
    for node in range(network.service.size):
        idle, less_idle = 1 - network.load[node] * flow.node[node], network.load[node] * step.node_change[node]
        if idle > minimum_idle_share and less_idle > 0:
            length = min(length, MAX_IDLE_REDUCTION * idle / less_idle)
    return length


@kernel
def apply_step(network: Network, plan: Plan, slack: Floats, step: Step, length: float) -> None:
    """Take the step: shares by the common ``length``, slacks by the longest step of each sender."""
    for sender in range(network.first_link.size - 1):
        links = range(network.first_link[sender], network.first_link[sender + 1])
        total, slack_length = 0.0, 1.0
        for link in links:
            plan.share[link] = step.amount[link] + length * step.move[link]
            total += plan.share[link]
            if step.slack[link] < slack[link]:
                slack_length = min(slack_length, MAX_BOUNDARY_STEP * slack[link] / (slack[link] - step.slack[link]))
        for link in links:
            plan.share[link] /= total
            slack[link] += slack_length * (step.slack[link] - slack[link])
