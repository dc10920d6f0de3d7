"""Baselines of routing: valid plans, the selfish equilibrium in closed form, and none better than DTO-EE."""

from dataclasses import replace

import numpy as np
import pytest

from edge_llm_gym.problems.random_networks import free_thresholds, random_network, with_wait_factors
from edge_llm_gym.problems.routing import RoutingProblem
from edge_llm_gym.problems.routing_outcome import evaluate
from edge_llm_gym.solvers import dto_ee, routing_baselines
from edge_llm_gym.solvers.routing_baselines import BASELINES
from edge_llm_gym.solvers.routing_reference import at_load, least_utilisation, with_stage_thresholds

INF = np.inf


def free_problem(load: float) -> RoutingProblem:
    rng = np.random.default_rng(20)
    free = free_thresholds(random_network(rng, 8, (3, 2)), rng, 1.0)
    busiest = least_utilisation(with_stage_thresholds(free, np.full(2, 0.8)))
    return replace(free, arrival_rate=free.arrival_rate * load / busiest)


@pytest.mark.parametrize("name", sorted(BASELINES))
def test_plans_are_valid_and_no_better_than_dto_ee(name: str) -> None:
    """Half a per cent is the slack of the threshold levels."""
    problem = free_problem(0.6)
    plan = routing_baselines.solve(name, problem, np.random.default_rng(0))
    assert evaluate(problem, plan.offload, plan.threshold).utility_s == pytest.approx(plan.utility_s)
    ours = dto_ee.solve(problem)
    assert plan.utility_s <= ours.utility_s + 0.005 * (ours.mean_delay_s + 1.0)


@pytest.mark.parametrize("name", ["uniform", "compute-proportional", "bandwidth-proportional", "selfish", "genetic"])
def test_plans_with_given_pass_ratios(name: str) -> None:
    problem = at_load(random_network(np.random.default_rng(21), 10, (3, 2)), 0.5)
    plan = routing_baselines.solve(name, problem, np.random.default_rng(0))
    assert plan.threshold is None
    assert plan.mean_delay_s >= dto_ee.solve(problem).mean_delay_s - 2e-3


def test_rules_of_thumb_by_hand() -> None:
    links = [[0.1, 0.3], [INF, INF], [INF, INF]]
    problem = RoutingProblem([1.0], links, [0.2, 0.1], [0.04, 0.01], [0.0, 0.0])
    rng = np.random.default_rng(0)
    assert BASELINES["uniform"](problem, rng).offload[0] == pytest.approx([1 / 2, 1 / 2])
    assert BASELINES["compute-proportional"](problem, rng).offload[0] == pytest.approx([1 / 3, 2 / 3])
    assert BASELINES["bandwidth-proportional"](problem, rng).offload[0] == pytest.approx([3 / 4, 1 / 4])


def test_selfish_requests_settle_where_all_ways_take_as_long() -> None:
    """M/M/1 sojourns 1 / (mu - x) are equal on both nodes: Wardrop's equilibrium leaves equal spare rates."""
    links = [[0.0, 0.0], [INF, INF], [INF, INF]]
    problem = RoutingProblem([6.0], links, [1 / 9, 1 / 4], [2 / 81, 2 / 16], [0.0, 0.0])
    plan = BASELINES["selfish"](problem, np.random.default_rng(0))
    assert plan.offload[0] == pytest.approx([5.5 / 6, 0.5 / 6], abs=0.01)
    assert plan.mean_delay_s > 1.01 * dto_ee.solve(problem).mean_delay_s


def test_selfish_requests_settle_behind_each_other() -> None:
    """In a staged network, what requests could still save is small."""
    problem = at_load(random_network(np.random.default_rng(22), 20, (4, 3, 2)), 0.8)
    plan = BASELINES["selfish"](problem, np.random.default_rng(0))
    delay_s = routing_baselines.experienced_delay_s(problem, plan.offload, None)[:20]
    paid = np.where(problem.has_link[:20], delay_s, 0.0) * plan.offload[:20]
    saved = problem.arrival_rate @ (paid.sum(axis=1) - delay_s.min(axis=1)) / problem.arrival_rate.sum()
    assert plan.stable
    assert saved < 0.02 * plan.mean_delay_s


def test_experienced_delays_count_waits_with_their_factors() -> None:
    """Their mean over all requests is the mean delay of the problem."""
    rng = np.random.default_rng(3)
    problem = with_wait_factors(at_load(random_network(rng, 20, (4, 3, 2)), 0.5), rng)
    plan = dto_ee.solve(problem)
    delay_s = routing_baselines.experienced_delay_s(problem, plan.offload, None)[:20]
    paid = (np.where(problem.has_link[:20], delay_s, 0.0) * plan.offload[:20]).sum(axis=1)
    assert problem.arrival_rate @ paid / problem.arrival_rate.sum() == pytest.approx(plan.mean_delay_s)


def test_no_exit_is_most_accurate_and_slowest() -> None:
    """The profile's later answers are the better ones."""
    problem, rng = free_problem(0.6), np.random.default_rng(0)
    everything, some = BASELINES["no-exit"](problem, rng), BASELINES["fixed-threshold"](problem, rng)
    assert everything.accuracy is not None
    assert some.accuracy is not None
    assert everything.accuracy > some.accuracy
    assert everything.mean_delay_s > some.mean_delay_s


def test_genetic_search_repeats_with_its_seed() -> None:
    problem = free_problem(0.6)
    plans = [BASELINES["genetic"](problem, np.random.default_rng(seed)).offload for seed in (1, 1, 2)]
    assert np.array_equal(plans[0], plans[1])
    assert not np.array_equal(plans[0], plans[2])


def test_unknown_names_and_needless_thresholds_are_refused() -> None:
    problem = at_load(random_network(np.random.default_rng(21), 10, (3, 2)), 0.5)
    with pytest.raises(ValueError, match="unknown routing baseline 'unifrom'; did you mean 'uniform'"):
        routing_baselines.solve("unifrom", problem, np.random.default_rng(0))
    with pytest.raises(ValueError, match="threshold belongs to a problem with early_exit"):
        routing_baselines.solve("no-exit", problem, np.random.default_rng(0))
