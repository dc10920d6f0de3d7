"""The convex reference against closed forms, a general-purpose solver and its own certificate."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from scipy.optimize import brentq, minimize

from edge_llm_gym.problems.random_networks import free_thresholds, random_network, with_wait_factors
from edge_llm_gym.problems.routing import EarlyExit, RoutingProblem
from edge_llm_gym.problems.routing_outcome import evaluate
from edge_llm_gym.solvers.flow_program import FlowProgram
from edge_llm_gym.solvers.routing_reference import (
    at_load,
    convex_optimum,
    least_utilisation,
    search_thresholds,
    with_stage_thresholds,
)

INF = np.inf


def parallel(rate: float, service_s: list[float], square: float, link_s: list[float]) -> RoutingProblem:
    """One device before parallel nodes whose second moment is ``square`` times the squared mean."""
    nodes = len(service_s)
    links = np.vstack([link_s, np.full((nodes, nodes), INF)])
    return RoutingProblem([rate], links, service_s, square * np.square(service_s), np.zeros(nodes))


def test_two_mm1_queues_split_by_the_square_root_rule() -> None:
    """Equal marginals mu / (mu - x)^2 give mu_1 - x_1 = sqrt(mu_1) (mu_1 + mu_2 - x) / (sqrt(mu_1) + sqrt(mu_2))."""
    best = convex_optimum(parallel(6.0, [1 / 9, 1 / 4], 2.0, [0.0, 0.0]))
    first = 9 - 3 * (9 + 4 - 6) / (3 + 2)
    assert best.offload[0] == pytest.approx([first / 6, 1 - first / 6], abs=1e-3)
    delay = (first / (9 - first) + (6 - first) / (4 - 6 + first)) / 6
    assert best.mean_delay_s == pytest.approx(delay, rel=1e-5)


def test_two_md1_queues_equalise_their_marginal_delays() -> None:
    """d/dx [x (s + x s^2 / (2 (1 - x s)))] plus the link is equal on both, solved by bisection."""

    def marginal(x: float, s: float) -> float:
        return s + (2 * x - s * x**2) * s**2 / (2 * (1 - x * s) ** 2)

    first = brentq(lambda x: 0.3 + marginal(x, 0.1) - 0.02 - marginal(9.0 - x, 0.15), 2.5, 9.0)
    best = convex_optimum(parallel(9.0, [0.1, 0.15], 1.0, [0.3, 0.02]))
    assert best.offload[0, 0] == pytest.approx(first / 9.0, abs=1e-3)


def test_wait_factors_scale_the_marginal_waits() -> None:
    """The same with wait factors 0.4 and 2."""

    def marginal(x: float, s: float, factor: float) -> float:
        return s + factor * (2 * x - s * x**2) * s**2 / (2 * (1 - x * s) ** 2)

    first = brentq(lambda x: 0.3 + marginal(x, 0.1, 0.4) - 0.02 - marginal(9.0 - x, 0.15, 2.0), 2.5, 9.0)
    best = convex_optimum(replace(parallel(9.0, [0.1, 0.15], 1.0, [0.3, 0.02]), wait_factor=[0.4, 2.0]))
    assert best.offload[0, 0] == pytest.approx(first / 9.0, abs=1e-3)


def test_without_waits_the_quicker_node_is_filled_to_its_capacity() -> None:
    """Wait factors of 0: a linear program, whose optimum sends 1 / 0.1 of the 12 requests to the quicker path."""
    problem = replace(parallel(12.0, [0.1, 0.15], 1.0, [0.0, 0.5]), wait_factor=0.0)
    best = convex_optimum(problem)
    delay_s = (10 * 0.1 + 2 * 0.65) / 12
    assert best.mean_delay_s == pytest.approx(delay_s, rel=1e-5)
    assert best.mean_delay_s - best.gap_s <= delay_s <= best.mean_delay_s


def test_multipliers_of_the_capacities_belong_to_the_gap() -> None:
    """The same problem at 8 and 4 requests: the delay of 3.4 is 1.1 over the least, which the right multiplier proves.

    It makes both paths equally expensive, 0.1 + 5.5 x 0.1 = 0.65, and the slack at the quicker node is 1 - 0.8.
    """
    program = FlowProgram(replace(parallel(12.0, [0.1, 0.15], 1.0, [0.0, 0.5]), wait_factor=0.0))
    flow = np.array([8.0, 4.0])
    assert program.delay(flow) == pytest.approx(3.4)
    assert program.duality_gap(flow, np.array([5.5, 0.0])) == pytest.approx(1.1)
    assert program.duality_gap(flow, np.array([0.0, 0.0])) == pytest.approx(4 * 0.55)


@pytest.mark.parametrize("high", [0.0, 1.0])
def test_derivatives_and_certificate_with_wait_factors(high: float) -> None:
    """Gradient and curvature by finite differences; the certified bound lies below other routings."""
    rng = np.random.default_rng(11)
    problem = with_wait_factors(at_load(random_network(rng, 4, (3, 2)), 0.8), rng, 0.0, high)
    program = FlowProgram(problem)
    flow, step = program.interior(), 1e-5
    for link in range(flow.size):
        change = step * (np.arange(flow.size) == link)
        slope = (program.delay(flow + change) - program.delay(flow - change)) / (2 * step)
        node = program.node[link]
        assert slope == pytest.approx(program.link_s[link] + program.marginal(flow)[node], rel=1e-6)
        rise = (program.marginal(flow + change) - program.marginal(flow - change))[node] / (2 * step)
        assert rise == pytest.approx(program.curvature(flow)[node], rel=1e-5)
    best = convex_optimum(problem)
    assert 0 <= best.gap_s <= 1e-5 * best.mean_delay_s
    for _ in range(50):
        share = best.offload + problem.has_link * rng.exponential(0.02, problem.link_delay_s.shape)
        share /= np.maximum(share.sum(axis=1, keepdims=True), 1e-12)
        assert evaluate(problem, share).mean_delay_s >= best.mean_delay_s - best.gap_s


def test_least_utilisation_of_a_pooled_stage() -> None:
    """Parallel nodes can share any load in proportion: rate over the sum of their service rates."""
    assert least_utilisation(parallel(3.0, [0.1, 0.25], 1.0, [0.5, 0.0])) == pytest.approx(3.0 / 14.0)
    assert least_utilisation(at_load(random_network(np.random.default_rng(0)), 0.7)) == pytest.approx(0.7)


@pytest.mark.parametrize("load", [0.4, 0.9])
def test_a_general_purpose_solver_finds_nothing_better(load: float) -> None:
    problem = at_load(random_network(np.random.default_rng(4), 5, (2, 2)), load)
    best = convex_optimum(problem)
    link = problem.has_link

    def mean_delay(logit: np.ndarray) -> float:
        weight = np.zeros(link.shape)
        weight[link] = np.exp(logit)
        share = weight / np.maximum(weight.sum(axis=1, keepdims=True), 1e-300)
        return min(evaluate(problem, share).mean_delay_s, 1e3)

    start = np.log(best.offload[link] + 0.05)
    found = minimize(mean_delay, start, method="Nelder-Mead", options={"maxfev": 4000, "adaptive": True})
    assert best.mean_delay_s - best.gap_s <= found.fun
    assert best.mean_delay_s == pytest.approx(evaluate(problem, best.offload).mean_delay_s)


def test_no_random_routing_beats_the_certified_bound() -> None:
    rng = np.random.default_rng(5)
    for _ in range(5):
        problem = at_load(random_network(rng, 10), 0.5)
        best = convex_optimum(problem)
        assert 0 <= best.gap_s <= 1e-5 * best.mean_delay_s
        for _ in range(20):
            share = best.offload + problem.has_link * rng.exponential(0.02, problem.link_delay_s.shape)
            share /= np.maximum(share.sum(axis=1, keepdims=True), 1e-12)
            assert evaluate(problem, share).mean_delay_s >= best.mean_delay_s - best.gap_s


def test_links_that_carry_nothing_are_left_out() -> None:
    """A device without requests, a node that forwards nothing and an unreachable node change nothing."""
    plain = parallel(6.0, [1 / 9, 1 / 4], 2.0, [0.0, 0.0])
    links = np.full((5, 3), INF)
    links[0, :2], links[1, 0], links[2, 2] = 0.0, 0.1, 0.1
    more = RoutingProblem([6.0, 0.0], links, [1 / 9, 1 / 4, 1.0], [2 / 81, 2 / 16, 2.0], np.zeros(3))
    assert convex_optimum(more).mean_delay_s == pytest.approx(convex_optimum(plain).mean_delay_s, rel=1e-5)


def test_overload_and_free_thresholds_are_refused() -> None:
    with pytest.raises(ValueError, match=r"no routing is stable: the busiest node would be at 1.077"):
        convex_optimum(parallel(14.0, [1 / 9, 1 / 4], 2.0, [0.0, 0.0]))
    free = free_thresholds(random_network(np.random.default_rng(6), 3, (2, 2)), np.random.default_rng(6), 1.0)
    with pytest.raises(ValueError, match="use search_thresholds"):
        convex_optimum(free)
    with pytest.raises(ValueError, match="no threshold on the grid leaves a stable routing"):
        search_thresholds(replace(free, arrival_rate=free.arrival_rate * 1e3), levels=3)


def test_stage_thresholds_give_the_pass_ratios_that_requests_meet() -> None:
    rng = np.random.default_rng(7)
    free = free_thresholds(random_network(rng, 4, (2, 3, 2)), rng, 1.0)
    fixed = with_stage_thresholds(free, np.array([0.4, 0.7, 0.0]))
    share = free.has_link / np.maximum(free.has_link.sum(axis=1, keepdims=True), 1)
    outcome = evaluate(free, share, np.array([0.4, 0.7, 0.0])[free.stage - 1])
    assert fixed.pass_ratio == pytest.approx(outcome.pass_ratio)


def test_threshold_search_against_all_thresholds_of_a_chain() -> None:
    """Two M/D/1 nodes in a row: utility of every threshold by hand."""
    rng = np.random.default_rng(8)
    confidence = rng.random((12, 2))
    correct = (rng.random((12, 2)) < [[0.5, 0.95]]).astype(float)
    early_exit = EarlyExit(confidence, correct, np.array([0, 1]), 0.8)
    links = [[0.1, INF], [INF, 0.2], [INF, INF]]
    chain = RoutingProblem([3.0], links, [0.2, 0.25], [0.04, 0.0625], early_exit=early_exit)
    utility = []
    for threshold in [0.0, *confidence[:, 0], 1.0]:
        on = confidence[:, 0] < threshold
        x, y = 3.0, 3.0 * on.mean()
        delay = 0.3 + 0.04 * x / (2 * (1 - 0.2 * x)) + on.mean() * (0.2 + 0.25 + 0.0625 * y / (2 * (1 - 0.25 * y)))
        utility.append(0.8 * np.where(on, correct[:, 1], correct[:, 0]).mean() - delay)
    assert search_thresholds(chain, levels=12).utility_s == pytest.approx(max(utility))


def test_the_search_beats_every_common_threshold() -> None:
    rng = np.random.default_rng(9)
    free = free_thresholds(random_network(rng, 3, (2, 2)), rng, 1.0)
    free = replace(
        free, arrival_rate=free.arrival_rate * 0.6 / least_utilisation(with_stage_thresholds(free, np.ones(2)))
    )
    best = search_thresholds(free, levels=5)
    for level, share in product(np.quantile(free.early_exit.confidence[:, 0], np.linspace(0, 1, 5)), (0.3, 0.6)):
        weight = free.has_link * np.array([share, 1 - share, share, 1 - share])
        plan = weight / np.maximum(weight.sum(axis=1, keepdims=True), 1e-12)
        assert evaluate(free, plan, np.array([level, level, 0, 0])).utility_s <= best.utility_s + 1e-9
