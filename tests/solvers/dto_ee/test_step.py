"""DTO-EE's kernels: delay with overload penalty, flows, marginal costs by finite differences, step by a dense solve."""

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_llm_gym.problems.random_networks import free_thresholds, random_network, with_wait_factors
from edge_llm_gym.problems.routing import RoutingProblem
from edge_llm_gym.problems.routing_outcome import evaluate
from edge_llm_gym.solvers.dto_ee.flow import Plan, node_delay, propagate_flow, total_cost, total_delay, update_prices
from edge_llm_gym.solvers.dto_ee.network import Network, build, fixed_cells
from edge_llm_gym.solvers.dto_ee.rounds import MINIMUM_IDLE_SHARE, Workspace, workspace
from edge_llm_gym.solvers.dto_ee.step import newton_step
from edge_llm_gym.solvers.routing_reference import at_load

Floats = NDArray[np.float64]
THRESHOLD = np.array([0.4, 0.8, 0.6, 0.9, 0.7, 0.0, 0.0])


def network(seed: int, *, free: bool) -> tuple[RoutingProblem, Network, float]:
    rng = np.random.default_rng(seed)
    problem = with_wait_factors(at_load(random_network(rng, 6, (3, 2, 2)), 0.1), rng, 0.1)
    if free:
        problem = free_thresholds(problem, rng, 0.7, rows=50)
    net, layout = build(problem, fixed_cells(problem, THRESHOLD) if free else None)
    return problem, net, layout.time_s


def plan_of(problem: RoutingProblem, net: Network, rng: np.random.Generator) -> Plan:
    weight = rng.uniform(0.5, 1.5, net.sender.size)
    share = weight / np.bincount(net.sender, weight)[net.sender]
    if problem.pass_ratio is not None:
        forward = problem.pass_ratio[:, None].copy()
    else:
        level = np.array([0, 2, 1, 1, 0, 0, 0])  # ranks of the thresholds of each stage
        forward = ((net.cell_level <= level[:, None]) & (net.level_count > 0)[:, None]).astype(float)
    return Plan(share, np.zeros(7, dtype=np.int64), forward)


def offload_of(problem: RoutingProblem, net: Network, plan: Plan) -> Floats:
    offload = np.zeros(problem.link_delay_s.shape)
    offload[net.sender, net.receiver] = plan.share
    return offload


def routed(seed: int, *, free: bool) -> tuple[RoutingProblem, Network, float, Plan, Workspace]:
    problem, net, time_s = network(seed, free=free)
    plan, work = plan_of(problem, net, np.random.default_rng(seed)), workspace(net)
    propagate_flow(net, plan, work.flow)
    return problem, net, time_s, plan, work


def test_node_delay_is_pollaczek_khinchine_above_the_minimum_idle_share() -> None:
    flow, service, square, rate = 0.6, 0.2, 0.09, 6.0
    delay = node_delay(flow, service, square / (2 * service), rate * service, 0.01)[0]
    x = rate * flow
    assert delay == pytest.approx(flow * (service + x * square / (2 * (1 - x * service))))


@pytest.mark.parametrize("flow", [0.2, 0.7, 0.9, 1.5])
def test_slope_and_curvature_are_derivatives(flow: float) -> None:
    def at(x: float) -> tuple[float, float, float]:
        return node_delay(x, 0.2, 0.3, 1.1, 0.1)

    h = 1e-5
    assert (at(flow + h)[0] - at(flow - h)[0]) / (2 * h) == pytest.approx(at(flow)[1], rel=1e-6)
    assert (at(flow + h)[1] - at(flow - h)[1]) / (2 * h) == pytest.approx(at(flow)[2], rel=1e-6)


def test_the_overload_penalty_joins_smoothly() -> None:
    edge = (1 - 0.1) / 1.1
    below, above = node_delay(edge - 1e-9, 0.2, 0.3, 1.1, 0.1), node_delay(edge + 1e-9, 0.2, 0.3, 1.1, 0.1)
    assert below == pytest.approx(above, rel=1e-6)


@pytest.mark.parametrize("excess", [0.0, 1e-6])
def test_a_node_with_hardly_any_wait_is_penalised_beyond_the_edge(excess: float) -> None:
    """Value and slope are continuous; the curvature beyond is that of an excess of 0.05 service."""
    service, load, idle = 0.2, 1.1, 0.1
    edge = (1 - idle) / load
    below, above = (node_delay(edge + step, service, excess, load, idle) for step in (-1e-9, 1e-9))
    assert above[:2] == pytest.approx(below[:2], rel=1e-6)
    assert below[2] == pytest.approx(2 * excess * load / idle**3)
    assert above[2] == pytest.approx(2 * 0.05 * service * load / idle**3)
    over = node_delay(edge + 0.3, service, excess, load, idle)
    assert over[0] == pytest.approx(above[0] + 0.3 * above[1] + 0.5 * 0.3**2 * above[2], rel=1e-6)


@pytest.mark.parametrize("free", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_cost_agrees_with_the_problem(seed: int, free: bool) -> None:
    problem, net, time_s, plan, work = routed(seed, free=free)
    outcome = evaluate(problem, offload_of(problem, net, plan), THRESHOLD if free else None)
    assert outcome.stable
    assert total_cost(net, plan, work.flow, MINIMUM_IDLE_SHARE) * time_s == pytest.approx(-outcome.utility_s)
    assert total_delay(net, plan, work.flow, MINIMUM_IDLE_SHARE) * time_s == pytest.approx(outcome.mean_delay_s)


@pytest.mark.parametrize("minimum_idle_share", [MINIMUM_IDLE_SHARE, 0.9])
@pytest.mark.parametrize("free", [False, True])
def test_prices_are_marginal_costs(free: bool, minimum_idle_share: float) -> None:
    """A link's price times its sender's flow is the slope of the total cost by the link's share (Gallager 1977)."""
    _, net, _, plan, work = routed(4, free=free)
    update_prices(net, plan, work.flow, work.price, minimum_idle_share)
    price, sent = work.price.link.copy(), work.flow.sent.copy()
    for link in range(net.sender.size):
        cost = []
        for change in (1e-5, -1e-5):
            plan.share[link] += change
            propagate_flow(net, plan, work.flow)
            cost.append(total_cost(net, plan, work.flow, minimum_idle_share))
            plan.share[link] -= change
        slope = (cost[0] - cost[1]) / 2e-5
        assert slope == pytest.approx(price[link] * sent[net.sender[link]], rel=1e-5, abs=1e-9)


def test_the_gap_bounds_what_any_routing_saves() -> None:
    problem, net, _, plan, work = routed(5, free=False)
    gap = update_prices(net, plan, work.flow, work.price, MINIMUM_IDLE_SHARE)
    cost = total_cost(net, plan, work.flow, MINIMUM_IDLE_SHARE)
    rng = np.random.default_rng(0)
    for _ in range(50):
        other = plan_of(problem, net, rng)
        propagate_flow(net, other, work.flow)
        assert total_cost(net, other, work.flow, MINIMUM_IDLE_SHARE) >= cost - gap


def test_elimination_by_stages_equals_one_dense_solve() -> None:
    """The linearised optimality conditions of all links, senders and nodes at once, solved with LAPACK."""
    _, net, _, plan, work = routed(6, free=False)
    update_prices(net, plan, work.flow, work.price, MINIMUM_IDLE_SHARE)
    work.slack[:] = np.random.default_rng(1).uniform(0.5, 1.5, net.sender.size)
    x, slack = plan.share * work.flow.sent[net.sender], work.slack.copy()
    move, node_change = dense_step(net, plan, work, x, slack, floor=1.0)
    newton_step(net, plan, work.flow, work.price, work.slack, work.step, MINIMUM_IDLE_SHARE, 1.0)
    assert work.step.node_change == pytest.approx(node_change)
    assert work.step.move == pytest.approx(move)


def dense_step(
    net: Network, plan: Plan, work: Workspace, x: Floats, slack: Floats, floor: float
) -> tuple[Floats, Floats]:
    """Unknowns: flow changes d [L], sender prices v [D + K]. For each link from i to j

    delay + slope_j + curvature_j sum(d into j) + forward_j v_j - v_i = target / x - (slack / x) d,

    and each sender forwards its share of its own change. A large floor fixes the target of each sender.
    """
    devices, nodes, links = net.rate.size, net.service.size, net.sender.size
    senders = devices + nodes
    forward = plan.forward[:, 0]
    arrive = np.eye(nodes)[:, net.receiver]
    slope, curvature = np.array(
        [
            node_delay(*args, MINIMUM_IDLE_SHARE)[1:]
            for args in zip(work.flow.node, net.service, net.excess, net.load, strict=True)
        ]
    ).T
    fan_out = np.bincount(net.sender, minlength=senders)
    target = floor * work.flow.sent[net.sender] / fan_out[net.sender]
    onward = np.hstack([np.zeros((nodes, devices)), np.diag(forward)])[net.receiver]
    stationary = np.hstack([
        (arrive.T * curvature) @ arrive + np.diag(slack / x),
        onward - np.eye(senders)[net.sender],
    ])  # fmt: skip
    leave = np.eye(senders)[:, net.sender]
    leave[devices:] -= forward[:, None] * arrive
    ends = fan_out == 0
    conserve = np.hstack([leave, np.diag(ends.astype(float))])  # a sender without links has no price
    right = np.concatenate([target / x - net.delay - slope[net.receiver], np.zeros(senders)])
    conserve[ends, :links] = 0.0
    solved = np.linalg.solve(np.vstack([stationary, conserve]), right)
    return solved[:links], arrive @ solved[:links]
