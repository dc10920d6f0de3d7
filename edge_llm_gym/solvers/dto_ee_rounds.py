"""DTO-EE's rounds: prices upstream (DTO-R), shares and thresholds downstream (DTO-O), the overload fence rising."""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from edge_llm_gym.compiled import kernel
from edge_llm_gym.solvers.dto_ee_flow import Flow, Plan, Price, pull_prices, push_flow, total_cost, total_delay
from edge_llm_gym.solvers.dto_ee_forecast import Step
from edge_llm_gym.solvers.dto_ee_network import Network
from edge_llm_gym.solvers.dto_ee_step import newton_step
from edge_llm_gym.solvers.dto_ee_threshold import set_level, threshold_turns

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

FENCE = 1e-3
"""Idle share of a node's time below which its delay curve goes on as a parabola."""
SOFT_FENCE = 0.5
"""The same in the first round after a cold start: overload is cheap while it is common."""
FENCE_FACTOR = 0.5
"""What is left of it after each round."""
FIRST_SPREAD = 0.1
"""Share of its requests that a sender spreads evenly before the first round of a cold start."""
LEAST_SPREAD = 1e-4
"""The same after a start that is the optimum already."""
LEAST_SLACK = 1e-9
"""Slack of a link before the first round; none at all where everybody has but one way would leave nothing to divide."""


class Workspace(NamedTuple):
    """What the nodes hold between rounds, and scratch."""

    flow: Flow
    price: Price
    step: Step
    slack: Floats


def workspace(network: Network) -> Workspace:
    """Arrays for one solve."""
    devices, nodes, links, cells = network.rate.size, network.service.size, network.sender.size, network.weight.size
    senders = devices + nodes
    flow = Flow(np.zeros((nodes, cells)), np.zeros((nodes, cells)), np.zeros(nodes), np.zeros(senders), np.zeros(nodes))
    price = Price(
        cell=np.zeros((nodes, cells)),
        node=np.zeros(nodes),
        own=np.zeros(nodes),
        best=np.zeros(nodes),
        fresh=np.zeros(nodes),
        link=np.zeros(links),
    )
    step = Step(
        amount=np.zeros(links),
        conductance=np.zeros(links),
        offset=np.zeros(links),
        total=np.zeros(senders),
        mean=np.zeros(senders),
        price=np.zeros(nodes),
        rise=np.zeros((nodes, nodes)),
        response=np.zeros((nodes, nodes + 1)),
        node_change=np.zeros(nodes),
        node_price=np.zeros(nodes),
        move=np.zeros(links),
        slack=np.zeros(links),
    )
    return Workspace(flow, price, step, np.ones(links))


@njit(cache=True)
def run_rounds(
    network: Network, plan: Plan, work: Workspace, warm: bool, free: bool, tolerance: float, history: Floats
) -> tuple[int, float, int]:
    """Improve ``plan`` for as many rounds as ``history`` [1 + rounds] has room for, or until the gap is small enough.

    ``tolerance`` is the gap to stop at, as a share of the mean delay. Writes each round's total cost to ``history``;
    returns the rounds done, the gap left and the threshold probes sent. The plan that remains is the best one met.
    """
    flow, price = work.flow, work.price
    push_flow(network, plan, flow)
    settled = warm and not free and near_optimum(network, plan, work, tolerance)
    fence = FENCE if settled else prepare(network, plan, work, warm)
    pull_prices(network, plan, flow, price, fence)
    allowed = tolerance * total_delay(network, plan, flow, fence)
    least = history[0] = total_cost(network, plan, flow, FENCE)
    best_share, best_level = plan.share.copy(), plan.level.copy()
    probes, rounds = 0, 0
    while rounds + 1 < history.size and not settled:
        rounds += 1
        newton_step(network, plan, flow, price, work.slack, work.step, fence, 0.1 * allowed / network.first_node.size)
        push_flow(network, plan, flow)
        moved = 0
        if free:
            pull_prices(network, plan, flow, price, fence)
            moved, tried = threshold_turns(network, plan, flow, price, fence)
            probes += tried
        fence = max(FENCE, FENCE_FACTOR * fence)
        gap = pull_prices(network, plan, flow, price, fence)
        allowed = tolerance * total_delay(network, plan, flow, fence)
        settled = moved == 0 and gap < allowed and (fence == FENCE or unfenced(network, flow, fence))
        history[rounds] = total_cost(network, plan, flow, FENCE)
        if history[rounds] <= least:
            least = history[rounds]
            best_share, best_level = plan.share.copy(), plan.level.copy()
    adopt(network, plan, best_share, best_level, free)
    push_flow(network, plan, flow)
    return rounds, pull_prices(network, plan, flow, price, FENCE), probes


@kernel
def unfenced(network: Network, flow: Flow, fence: float) -> bool:
    """Whether ``fence`` bends no node's delay curve."""
    idle = 1.0
    for node in range(network.service.size):
        idle = min(idle, 1 - network.load[node] * flow.node[node])
    return idle >= fence


@kernel
def near_optimum(network: Network, plan: Plan, work: Workspace, tolerance: float) -> bool:
    """Whether a plan is stable and its gap small enough as it is."""
    gap = pull_prices(network, plan, work.flow, work.price, FENCE)
    return unfenced(network, work.flow, FENCE) and gap < tolerance * total_delay(network, plan, work.flow, FENCE)


@kernel
def prepare(network: Network, plan: Plan, work: Workspace, warm: bool) -> float:
    """Bring every link into use, the more so the worse the start, and set slacks; returns the first fence."""
    fence = FENCE if warm and unfenced(network, work.flow, FENCE) else SOFT_FENCE
    gap = pull_prices(network, plan, work.flow, work.price, fence)
    far = min(1.0, gap / total_delay(network, plan, work.flow, fence)) if fence == FENCE else 1.0
    spread = max(LEAST_SPREAD, FIRST_SPREAD * far)
    for sender in range(network.first_link.size - 1):
        links = range(network.first_link[sender], network.first_link[sender + 1])
        cheapest = np.inf
        for link in links:
            plan.share[link] = (1 - spread) * plan.share[link] + spread / len(links)
            cheapest = min(cheapest, work.price.link[link])
        for link in links:
            dearer = work.price.link[link] - cheapest
            work.slack[link] = max(far + (1 - far) * min(1.0, dearer), LEAST_SLACK)
    push_flow(network, plan, work.flow)
    return fence if unfenced(network, work.flow, fence) else SOFT_FENCE


@kernel
def adopt(network: Network, plan: Plan, share: Floats, level: Integers, free: bool) -> None:
    """Make ``plan`` use these shares and, where they are free, these levels."""
    for link in range(share.size):
        plan.share[link] = share[link]
    for node in range(network.service.size):
        if free and network.level_count[node] > 0:
            set_level(network, plan, node, level[node])
