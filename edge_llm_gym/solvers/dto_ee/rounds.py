"""Rounds of DTO-EE: prices upstream (DTO-R), shares and thresholds downstream (DTO-O), a rising overload penalty."""

from typing import NamedTuple

import numpy as np

from edge_llm_gym.compiled import kernel, njit
from edge_llm_gym.problems.arrays import Floats, Ints
from edge_llm_gym.solvers.dto_ee.flow import Flow, Plan, Price, propagate_flow, total_cost, total_delay, update_prices
from edge_llm_gym.solvers.dto_ee.forecast import Step
from edge_llm_gym.solvers.dto_ee.network import Network
from edge_llm_gym.solvers.dto_ee.step import newton_step
from edge_llm_gym.solvers.dto_ee.threshold import set_level, update_thresholds

MINIMUM_IDLE_SHARE = 1e-3
"""Idle share of a node's time below which its delay continues as a parabola."""
INITIAL_IDLE_SHARE = 0.5
"""The same in the first round after a cold start, when many nodes are overloaded and the penalty must be mild."""
IDLE_SHARE_DECAY = 0.5
"""Factor on it after each round."""
COLD_START_SPREAD = 0.1
"""Share of its requests that a sender splits evenly before the first round of a cold start."""
MINIMUM_SPREAD = 1e-4
"""The same after a start that is already optimal."""
MINIMUM_SLACK = 1e-9
"""Least slack of a link before the first round: if every sender has one link, slacks of 0 would give 0 / 0."""


class Workspace(NamedTuple):
    """State of the nodes between rounds, and work arrays."""

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
    """Improve ``plan``, in place, until the gap is small enough or ``history`` [1 + rounds] is full.

    ``tolerance`` is the gap at which to stop, as a share of the mean delay. Writes the total cost after each round to
    ``history``; returns the number of rounds, the final gap and the number of threshold probes. The final plan is the
    best one of all rounds.
    """
    flow, price = work.flow, work.price
    propagate_flow(network, plan, flow)
    converged = warm and not free and is_near_optimal(network, plan, work, tolerance)
    idle_share = MINIMUM_IDLE_SHARE if converged else initialise_shares(network, plan, work, warm)
    update_prices(network, plan, flow, price, idle_share)
    allowed = tolerance * total_delay(network, plan, flow, idle_share)
    least = history[0] = total_cost(network, plan, flow, MINIMUM_IDLE_SHARE)
    best_share, best_level = plan.share.copy(), plan.level.copy()
    probes, rounds = 0, 0
    while rounds + 1 < history.size and not converged:
        rounds += 1
        floor = 0.1 * allowed / network.first_node.size
        newton_step(network, plan, flow, price, work.slack, work.step, idle_share, floor)
        propagate_flow(network, plan, flow)
        moved = 0
        if free:
            update_prices(network, plan, flow, price, idle_share)
            moved, tried = update_thresholds(network, plan, flow, price, idle_share)
            probes += tried
        idle_share = max(MINIMUM_IDLE_SHARE, IDLE_SHARE_DECAY * idle_share)
        gap = update_prices(network, plan, flow, price, idle_share)
        allowed = tolerance * total_delay(network, plan, flow, idle_share)
        final_penalty = idle_share == MINIMUM_IDLE_SHARE or keeps_idle_share(network, flow, idle_share)
        converged = moved == 0 and gap < allowed and final_penalty
        history[rounds] = total_cost(network, plan, flow, MINIMUM_IDLE_SHARE)
        if not np.isfinite(history[rounds]):  # beyond the precision of float64: the best plan so far stays
            rounds -= 1
            break
        if history[rounds] <= least:
            least = history[rounds]
            best_share, best_level = plan.share.copy(), plan.level.copy()
    restore_plan(network, plan, best_share, best_level, free)
    propagate_flow(network, plan, flow)
    return rounds, update_prices(network, plan, flow, price, MINIMUM_IDLE_SHARE), probes


@kernel
def keeps_idle_share(network: Network, flow: Flow, idle_share: float) -> bool:
    """Whether every node has at least this idle share, so that the overload penalty is zero."""
    idle = 1.0
    for node in range(network.service.size):
        idle = min(idle, 1 - network.load[node] * flow.node[node])
    return idle >= idle_share


@kernel
def is_near_optimal(network: Network, plan: Plan, work: Workspace, tolerance: float) -> bool:
    """Whether a plan is stable and its gap is within the tolerance."""
    gap = update_prices(network, plan, work.flow, work.price, MINIMUM_IDLE_SHARE)
    allowed = tolerance * total_delay(network, plan, work.flow, MINIMUM_IDLE_SHARE)
    return keeps_idle_share(network, work.flow, MINIMUM_IDLE_SHARE) and gap < allowed


@kernel
def initialise_shares(network: Network, plan: Plan, work: Workspace, warm: bool) -> float:
    """Give every link a positive share, larger after a worse start, and set slacks; returns the first idle share."""
    idle_share = (
        MINIMUM_IDLE_SHARE if warm and keeps_idle_share(network, work.flow, MINIMUM_IDLE_SHARE) else INITIAL_IDLE_SHARE
    )
    gap = update_prices(network, plan, work.flow, work.price, idle_share)
    distance = (
        min(1.0, gap / total_delay(network, plan, work.flow, idle_share)) if idle_share == MINIMUM_IDLE_SHARE else 1.0
    )
    spread = max(MINIMUM_SPREAD, COLD_START_SPREAD * distance)
    for sender in range(network.first_link.size - 1):
        links = range(network.first_link[sender], network.first_link[sender + 1])
        cheapest = np.inf
        for link in links:
            plan.share[link] = (1 - spread) * plan.share[link] + spread / len(links)
            cheapest = min(cheapest, work.price.link[link])
        for link in links:
            excess = work.price.link[link] - cheapest
            work.slack[link] = max(distance + (1 - distance) * min(1.0, excess), MINIMUM_SLACK)
    propagate_flow(network, plan, work.flow)
    return idle_share if keeps_idle_share(network, work.flow, idle_share) else INITIAL_IDLE_SHARE


@kernel
def restore_plan(network: Network, plan: Plan, share: Floats, level: Ints, free: bool) -> None:
    """Set the shares of ``plan`` and, where thresholds are free, its levels."""
    for link in range(share.size):
        plan.share[link] = share[link]
    for node in range(network.service.size):
        if free and network.level_count[node] > 0:
            set_level(network, plan, node, level[node])
