"""DTO-EE's thresholds against a reference search, enumeration and cases with an obvious answer."""

from dataclasses import replace

import numpy as np
import pytest

from edge_llm_gym.problems.random_networks import free_thresholds, random_network
from edge_llm_gym.problems.routing import EarlyExit, RoutingProblem
from edge_llm_gym.problems.routing_outcome import evaluate
from edge_llm_gym.solvers import dto_ee
from edge_llm_gym.solvers.dto_ee.flow import Plan, propagate_flow, total_cost, update_prices
from edge_llm_gym.solvers.dto_ee.network import build, free_cells
from edge_llm_gym.solvers.dto_ee.rounds import MINIMUM_IDLE_SHARE, workspace
from edge_llm_gym.solvers.dto_ee.threshold import cheapest_level, set_level
from edge_llm_gym.solvers.routing_reference import least_utilisation, search_thresholds, with_stage_thresholds

INF = np.inf


def small_network(seed: int, sizes: tuple[int, ...], weight_s: float, load: float) -> RoutingProblem:
    """At the given load with all thresholds at 0.5."""
    rng = np.random.default_rng(seed)
    free = free_thresholds(random_network(rng, 5, sizes), rng, weight_s)
    half = with_stage_thresholds(free, np.full(len(sizes), 0.5))
    return replace(free, arrival_rate=free.arrival_rate * load / least_utilisation(half))


def chain(weight_s: float, correct: list[list[float]], rate: float = 0.5) -> RoutingProblem:
    """A device, a first and a last node in a row; half of the requests have confidence 0.3, half 0.9."""
    early_exit = EarlyExit([[0.3, 1.0], [0.9, 1.0]], correct, [0, 1], weight_s)
    links = [[0.1, INF], [INF, 0.2], [INF, INF]]
    return RoutingProblem([rate], links, [0.2, 0.25], [0.04, 0.0625], early_exit=early_exit)


@pytest.mark.parametrize("sizes", [(2, 2), (3, 2, 2)])
@pytest.mark.parametrize(("weight_s", "load"), [(0.3, 0.5), (1.0, 0.9), (4.0, 0.7)])
def test_within_one_per_cent_of_a_reference_search(sizes: tuple[int, ...], weight_s: float, load: float) -> None:
    """One per cent of the sum of the delay and the value of the answers."""
    problem = small_network(10, sizes, weight_s, load)
    best = search_thresholds(problem, levels=13 if len(sizes) == 2 else 6)
    found = dto_ee.solve(problem)
    at_stake = best.mean_delay_s + (best.utility_s + best.mean_delay_s)
    assert found.utility_s >= best.utility_s - 0.01 * at_stake
    assert found.rounds <= 100


def test_worthless_answers_exit_at_the_first_node() -> None:
    found = dto_ee.solve(chain(0.0, [[0.0, 1.0], [0.0, 1.0]]))
    outcome = evaluate(chain(0.0, [[0.0, 1.0], [0.0, 1.0]]), found.offload, found.threshold)
    assert outcome.pass_ratio[0] == 0.0
    assert found.accuracy == 0.0


def test_valuable_answers_are_forwarded_where_that_raises_accuracy() -> None:
    """Only answers of low confidence improve at the next node, so those of high confidence exit."""
    found = dto_ee.solve(chain(100.0, [[0.2, 1.0], [1.0, 1.0]]))
    assert found.accuracy == 1.0
    assert found.threshold is not None
    assert 0.3 < found.threshold[0] <= 0.9


def test_a_threshold_rises_exactly_when_the_gain_pays() -> None:
    """Forwarding gains 0.8 of accuracy for half the requests and costs them a link, a wait and a service."""
    on_s = 0.2 + 0.25 + 0.0625 * 0.25 / (2 * (1 - 0.25 * 0.25))
    for factor, forward_ratio in ((0.98, 0.0), (1.02, 0.5)):
        problem = chain(factor * on_s / 0.8, [[0.2, 1.0], [1.0, 1.0]])
        found = dto_ee.solve(problem)
        assert evaluate(problem, found.offload, found.threshold).pass_ratio[0] == forward_ratio


def test_given_thresholds_are_fixed_and_the_routing_adapts() -> None:
    problem = small_network(11, (2, 3), 1.0, 0.6)
    threshold = np.array([0.45, 0.85, 0.0, 0.0, 0.0])
    found = dto_ee.solve(problem, threshold=threshold)
    assert found.threshold == pytest.approx(threshold)
    uniform = problem.has_link / np.maximum(problem.has_link.sum(axis=1, keepdims=True), 1)
    assert found.utility_s > evaluate(problem, uniform, threshold).utility_s
    assert found.utility_s <= dto_ee.solve(problem).utility_s + 1e-3


def test_infinite_thresholds_forward_every_request() -> None:
    problem = small_network(11, (2, 3), 1.0, 0.3)
    found = dto_ee.solve(problem, threshold=np.full(5, INF))
    assert evaluate(problem, found.offload, np.full(5, INF)).pass_ratio[:2] == pytest.approx([1.0, 1.0])
    assert found.accuracy == pytest.approx(problem.early_exit.correct[:, 1].mean())  # type: ignore[union-attr]


def test_a_start_keeps_its_thresholds() -> None:
    """A second solve starts from the first: the utility changes little."""
    problem = small_network(12, (3, 2, 2), 1.0, 0.8)
    first = dto_ee.solve(problem)
    again = dto_ee.solve(problem, first)
    assert again.utility_s == pytest.approx(first.utility_s, abs=0.01)
    assert again.history[0] == pytest.approx(-first.utility_s, abs=0.01)


def test_harder_requests_are_absorbed() -> None:
    """Confidence drops: a warm start comes as close as a cold one."""
    problem = small_network(13, (3, 2, 2), 1.0, 0.6)
    early_exit = problem.early_exit
    assert early_exit is not None
    harder = replace(problem, early_exit=replace(early_exit, confidence=early_exit.confidence**2))
    warm, cold = dto_ee.solve(harder, dto_ee.solve(problem)), dto_ee.solve(harder)
    assert warm.utility_s >= cold.utility_s - 0.01 * (cold.mean_delay_s + 1.0)


def test_prices_bound_the_gain_of_a_change_from_above() -> None:
    """A node without a gain at present prices therefore needs no probe."""
    problem = small_network(14, (3, 2, 2), 1.0, 0.7)
    net, _ = build(problem, free_cells(problem, 9))
    share = 1 / np.bincount(net.sender)[net.sender]
    plan = Plan(share, net.level_count // 2, np.zeros((7, net.weight.size)))
    for node in range(5):
        set_level(net, plan, node, plan.level[node])
    work = workspace(net)
    for node in range(5):
        propagate_flow(net, plan, work.flow)
        update_prices(net, plan, work.flow, work.price, MINIMUM_IDLE_SHARE)
        cost, present = total_cost(net, plan, work.flow, MINIMUM_IDLE_SHARE), plan.level[node]
        promised = cheapest_level(net, plan, work.flow, work.price, node)[1]
        for level in range(net.level_count[node]):
            set_level(net, plan, node, level)
            propagate_flow(net, plan, work.flow)
            assert cost - total_cost(net, plan, work.flow, MINIMUM_IDLE_SHARE) <= promised + 1e-9
        set_level(net, plan, node, present)
