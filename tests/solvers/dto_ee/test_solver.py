"""DTO-EE's routing against closed forms and the certified convex optimum, through overload and disturbance."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq

from edge_llm_gym.problems.random_networks import free_thresholds, random_network, with_wait_factors
from edge_llm_gym.problems.routing import RoutingProblem
from edge_llm_gym.problems.routing_outcome import evaluate
from edge_llm_gym.solvers import dto_ee
from edge_llm_gym.solvers.routing_reference import ReferenceRouting, at_load, convex_optimum, least_utilisation
from edge_llm_gym.solvers.solutions import RoutingSolution, routing_solution

INF = np.inf
LOADS = (0.3, 0.5, 0.7, 0.85, 0.95)


def parallel(rate: float, service_s: list[float], square: list[float]) -> RoutingProblem:
    """One device before parallel nodes; ``square``: second moment over squared mean of the service time."""
    nodes = len(service_s)
    links = np.full((1 + nodes, nodes), INF)
    links[0] = 0.0
    return RoutingProblem([rate], links, service_s, np.array(square) * np.square(service_s), np.zeros(nodes))


@cache
def solved(load: float, seed: int) -> tuple[RoutingProblem, ReferenceRouting, RoutingSolution]:
    problem = at_load(random_network(np.random.default_rng(seed)), load)
    return problem, convex_optimum(problem), dto_ee.solve(problem)


def test_two_mm1_queues_split_by_the_square_root_rule() -> None:
    """mu_1 - x_1 = sqrt(mu_1) (mu_1 + mu_2 - x) / (sqrt(mu_1) + sqrt(mu_2))."""
    flow = dto_ee.solve(parallel(6.0, [1 / 9, 1 / 4], [2.0, 2.0]), tolerance=1e-6)
    first = 9 - 3 * (9 + 4 - 6) / (3 + 2)
    assert flow.offload[0] == pytest.approx([first / 6, 1 - first / 6], abs=1e-3)


def test_a_light_load_uses_the_faster_node_alone() -> None:
    """Below x with 1/9 / (1 - x/9)^2 < 1/4, the slower M/M/1 node is never used."""
    flow = dto_ee.solve(parallel(2.0, [1 / 9, 1 / 4], [2.0, 2.0]), tolerance=1e-6)
    assert flow.offload[0, 0] == pytest.approx(1.0, abs=1e-3)


def test_wait_factors_shift_flow_to_the_node_with_shorter_waits() -> None:
    """Two M/M/1 nodes; marginals s + f (x (2 - x s) s^2) / (1 - x s)^2 are equal at the optimum, by bisection."""

    def marginal(x: float, service_s: float, factor: float) -> float:
        return service_s + factor * x * (2 - x * service_s) * service_s**2 / (1 - x * service_s) ** 2

    first = brentq(lambda x: marginal(x, 1 / 9, 0.3) - marginal(6 - x, 1 / 4, 1.5), 2.1, 6.0)
    problem = replace(parallel(6.0, [1 / 9, 1 / 4], [2.0, 2.0]), wait_factor=[0.3, 1.5])
    assert dto_ee.solve(problem, tolerance=1e-6).offload[0, 0] == pytest.approx(first / 6, abs=1e-3)
    assert abs(first / 6 - dto_ee.solve(replace(problem, wait_factor=1.0)).offload[0, 0]) > 0.05


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("load", "zeros"), [(0.5, False), (0.7, False), (0.95, False), (0.5, True), (0.85, True)])
def test_within_one_per_cent_in_30_rounds_with_wait_factors(load: float, seed: int, zeros: bool) -> None:
    rng = np.random.default_rng(100 + seed)
    problem = with_wait_factors(at_load(random_network(rng, 12), load), rng)
    if zeros:
        problem = replace(problem, wait_factor=problem.wait_factor * (rng.random(problem.node_count) < 0.5))
    best, flow = convex_optimum(problem, 1e-4), dto_ee.solve(problem, max_rounds=30)
    assert flow.stable
    assert flow.mean_delay_s <= 1.01 * best.mean_delay_s
    assert flow.mean_delay_s >= best.mean_delay_s - best.gap_s
    if not zeros:
        assert flow.mean_delay_s - flow.gap_s <= best.mean_delay_s


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("load", LOADS)
def test_within_one_per_cent_of_the_optimum(load: float, seed: int) -> None:
    _, best, flow = solved(load, seed)
    assert flow.rounds <= 100
    assert flow.mean_delay_s <= 1.01 * best.mean_delay_s
    assert flow.mean_delay_s >= best.mean_delay_s - best.gap_s


@pytest.mark.parametrize("load", LOADS)
def test_its_own_certificate_holds(load: float) -> None:
    _, best, flow = solved(load, 3)
    assert 0 < flow.gap_s <= 2e-3 * flow.mean_delay_s
    assert flow.mean_delay_s - flow.gap_s <= best.mean_delay_s


def test_history_starts_at_the_start_and_ends_at_the_result() -> None:
    problem, _, flow = solved(0.5, 1)
    assert flow.history.shape == (flow.rounds + 1,)
    assert flow.history.min() == pytest.approx(flow.mean_delay_s)
    assert flow.history[0] > 1.05 * flow.mean_delay_s
    assert evaluate(problem, flow.offload).mean_delay_s == flow.mean_delay_s


def test_no_rounds_leave_the_proportional_start() -> None:
    problem = parallel(6.0, [1 / 9, 1 / 4], [2.0, 2.0])
    flow = dto_ee.solve(problem, max_rounds=0)
    spread = 0.1
    assert flow.rounds == flow.messages == 0
    assert flow.offload[0, 0] == pytest.approx((1 - spread) * 9 / 13 + spread / 2)


def test_messages_are_counted() -> None:
    """Two links, each crossed four times a round, and two nodes of one stage that exchange their rows."""
    flow = dto_ee.solve(parallel(6.0, [1 / 9, 1 / 4], [2.0, 2.0]))
    assert flow.rounds > 0
    assert flow.messages == flow.rounds * (4 * 2 + 2)


def test_the_order_of_nodes_and_the_unit_of_time_do_not_matter() -> None:
    problem, _, flow = solved(0.7, 2)
    devices, order = problem.device_count, np.random.default_rng(0).permutation(problem.node_count)
    senders = np.concatenate([np.arange(devices), devices + order])
    other = RoutingProblem(
        problem.arrival_rate / 60,
        60 * problem.link_delay_s[senders][:, order],
        60 * problem.service_s[order],
        3600 * problem.service_sq_s2[order],
        problem.pass_ratio[order],  # type: ignore[index]
    )
    turned = dto_ee.solve(other)
    assert turned.rounds == flow.rounds
    assert turned.mean_delay_s == pytest.approx(60 * flow.mean_delay_s)
    assert turned.offload == pytest.approx(flow.offload[senders][:, order], abs=1e-6)


def test_devices_without_requests_and_unreachable_nodes() -> None:
    """A device without requests, an unreachable node and one without links change nothing for the others."""
    plain = parallel(6.0, [1 / 9, 1 / 4], [2.0, 2.0])
    links = np.full((6, 4), INF)
    links[0, :2], links[1, 0], links[2, 2], links[5, 2] = 0.0, 0.1, 0.1, 0.1
    service = np.array([1 / 9, 1 / 4, 1.0, 1.0])
    more = RoutingProblem([6.0, 0.0], links, service, 2 * service**2, [0.0, 0.0, 0.0, 0.0])
    flow = dto_ee.solve(more)
    assert flow.mean_delay_s == pytest.approx(dto_ee.solve(plain).mean_delay_s, rel=2e-3)
    assert flow.utilisation[2:] == pytest.approx([0.0, 0.0])
    assert flow.offload.sum(axis=1) == pytest.approx([1, 1, 1, 0, 0, 1])


@pytest.mark.parametrize("load", [0.5, 0.95])
@pytest.mark.parametrize("seed", range(3))
def test_recovers_from_an_overloaded_start(load: float, seed: int) -> None:
    """Every sender starts with all its requests on its first link."""
    problem, best, _ = solved(load, seed)
    first = (problem.has_link & (np.cumsum(problem.has_link, axis=1) == 1)).astype(float)
    start = routing_solution(problem, first)
    assert not start.stable
    assert dto_ee.solve(problem, start).mean_delay_s <= 1.01 * best.mean_delay_s


def slowed(problem: RoutingProblem) -> RoutingProblem:
    """The last node becomes slower by a fifth."""
    factor = np.where(np.arange(problem.node_count) == problem.node_count - 1, 1.2, 1.0)
    return replace(
        problem, service_s=problem.service_s * factor, service_sq_s2=problem.service_sq_s2 * np.square(factor)
    )


def without_first(problem: RoutingProblem) -> RoutingProblem:
    """Node 0 leaves; every device is linked to node 1."""
    links = problem.link_delay_s.copy()
    devices = problem.device_count
    links[:devices, 1] = np.minimum(links[:devices, 1], 0.2)
    links[:, 0], links[devices] = INF, INF
    return replace(problem, link_delay_s=links)


@pytest.mark.parametrize("change", [slowed, without_first])
@pytest.mark.parametrize("seed", range(3))
def test_disturbances_are_absorbed_without_a_restart(change: Any, seed: int) -> None:
    """The network goes up to a load of 0.8 and comes back."""
    problem = random_network(np.random.default_rng(seed), 20, (4, 3, 2))
    problem = replace(problem, arrival_rate=problem.arrival_rate * 0.8 / least_utilisation(change(problem)))
    before, disturbed = dto_ee.solve(problem), change(problem)
    during = dto_ee.solve(disturbed, before)
    after = dto_ee.solve(problem, during)
    assert during.mean_delay_s <= 1.01 * convex_optimum(disturbed).mean_delay_s
    assert after.mean_delay_s <= 1.01 * before.mean_delay_s
    assert 0 < max(during.rounds, after.rounds) <= 25


def test_an_undisturbed_start_is_left_alone() -> None:
    problem, _, flow = solved(0.7, 4)
    again = dto_ee.solve(problem, flow)
    assert again.rounds == 0
    assert again.offload == pytest.approx(flow.offload)
    assert again.history == pytest.approx([flow.mean_delay_s])


def test_without_a_stable_routing_overload_is_least() -> None:
    """Least squares of (1 + cv^2) (utilisation - 0.999)^2: equal slopes (1 + cv^2) s (s x - 0.999) on both nodes."""
    s, square = np.array([0.1, 0.25]), np.array([2.0, 1.0])
    flow = dto_ee.solve(parallel(18.0, s.tolist(), square.tolist()), tolerance=1e-6)
    slope = square * s
    matrix = [[slope[0] * s[0], -slope[1] * s[1]], [1.0, 1.0]]
    x = np.linalg.solve(matrix, [0.999 * (slope[0] - slope[1]), 18.0])
    assert not flow.stable
    assert flow.mean_delay_s == INF
    assert flow.utilisation == pytest.approx(s * x, abs=2e-3)
    assert np.isfinite(flow.history).all()


@pytest.mark.parametrize("rate", [0.5, 6.0])
def test_where_every_sender_has_but_one_way_the_only_plan_is_found_at_once(rate: float) -> None:
    """A chain per device: nothing to divide, and a gap of zero from the start, light load or overload."""
    links = np.full((2 + 4, 4), INF)
    links[0, 0], links[1, 1], links[2, 2], links[3, 3] = 0.0, 0.0, 0.5, 0.25
    service = np.array([0.25, 0.5, 0.5, 0.25])
    problem = RoutingProblem([rate, 1.0], links, service, 2 * service**2, [0.5, 0.5, 0.0, 0.0])
    only = np.isfinite(links).astype(float)
    for start in (None, routing_solution(problem, only)):
        flow = dto_ee.solve(problem, start)
        assert flow.offload.tolist() == only.tolist()
        assert flow.stable == (rate < 4.0)
        assert flow.gap_s == pytest.approx(0.0, abs=1e-9) or not flow.stable
        assert flow.mean_delay_s == evaluate(problem, only).mean_delay_s


@pytest.mark.parametrize("sizes", [(1, 1), (1, 1, 1)])
def test_without_routing_choices_thresholds_continue_from_the_start(sizes: tuple[int, ...]) -> None:
    """The second solve starts without gap and slack, which must not lead to a division by zero."""
    rng = np.random.default_rng(0)
    single = at_load(random_network(rng, 1, sizes), 0.5)
    free = free_thresholds(single, rng, 5.0)
    first = dto_ee.solve(free)
    for problem in (free, replace(free, arrival_rate=1.5 * free.arrival_rate)):
        flow = dto_ee.solve(problem, first)
        assert flow.offload.tolist() == free.has_link.astype(float).tolist()
        assert flow.threshold is not None
        initial = dto_ee.solve(problem, first, threshold=first.threshold, max_rounds=0)
        assert flow.utility_s >= initial.utility_s - 1e-9
        others = [[level] * sum(sizes) for level in np.linspace(0.0, 1.0, 21)]
        tried = [dto_ee.solve(problem, threshold=one, max_rounds=0).utility_s for one in others]
        assert flow.utility_s >= max(tried) - 0.02 * abs(max(tried))


def test_same_problem_same_answer() -> None:
    problem, _, flow = solved(0.85, 5)
    assert np.array_equal(dto_ee.solve(problem).offload, flow.offload)


def test_solutions_are_read_only() -> None:
    _, _, flow = solved(0.85, 5)
    with pytest.raises(ValueError, match="read-only"):
        flow.offload[0, 0] = 1.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_rounds": -1}, "max_rounds must be zero or more, got -1"),
        ({"max_rounds": 1.5}, "max_rounds must be a whole number, got 1.5"),
        ({"tolerance": 0.0}, "tolerance must be finite and at least 1e-12, got 0.0"),
        ({"level_count": 1}, "level_count must be at least 2"),
        ({"max_rounds": 10**9}, "max_rounds must be zero or more and at most 1e.06, got 1000000000"),
        ({"threshold": [0.5, 0.5]}, "threshold belongs to a problem with early_exit"),
    ],
)
def test_malformed_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dto_ee.solve(parallel(6.0, [0.1, 0.2], [1.0, 1.0]), **options)


def test_a_start_or_a_threshold_of_another_shape_is_refused() -> None:
    start = dto_ee.solve(parallel(6.0, [0.1, 0.2], [1.0, 1.0]))
    with pytest.raises(ValueError, match=r"start must be a solution of \(4, 3\) shares.*got \(3, 2\)"):
        dto_ee.solve(parallel(6.0, [0.1, 0.2, 0.3], [1.0, 1.0, 1.0]), start)
    rng = np.random.default_rng(0)
    free = free_thresholds(random_network(rng, 3, (2, 2)), rng, 1.0)
    with pytest.raises(ValueError, match="threshold must be 4 numbers"):
        dto_ee.solve(free, threshold=[0.5, np.nan, 0.5, 0.5])
