"""Routing problems: validation, and outcomes against hand-solved queues, simulation and enumeration."""

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.random import Generator

from edge_llm_gym.problems.random_networks import free_thresholds, random_network
from edge_llm_gym.problems.routing import EarlyExit, RoutingProblem
from edge_llm_gym.problems.routing_outcome import evaluate, mean_wait_s

INF = np.inf


def tandem(**changes: Any) -> RoutingProblem:
    """One device, two parallel first nodes (M/M/1 and M/D/1), one last node (M/M/1)."""
    fields: dict[str, Any] = {
        "arrival_rate": [4.0],
        "link_delay_s": [[0.1, 0.2, INF], [INF, INF, 0.05], [INF, INF, 0.3], [INF, INF, INF]],
        "service_s": [0.2, 0.25, 0.1],
        "service_sq_s2": [2 * 0.2**2, 0.25**2, 2 * 0.1**2],
        "pass_ratio": [0.5, 1.0, 0.0],
    }
    return RoutingProblem(**(fields | changes))


def test_hand_solved_tandem() -> None:
    """M/M/1 sojourns 1 / (mu - x), an M/D/1 wait rho s / (2 (1 - rho)), and the links' delays."""
    offload = [[0.75, 0.25, 0.0], [0, 0, 1], [0, 0, 1], [0, 0, 0]]
    outcome = evaluate(tandem(), offload)
    first, second = 1 / (5 - 3), 0.25 + 0.25 * 0.25 / (2 * 0.75)
    last = 1 / (10 - 2.5)
    delay = (3 * (0.1 + first) + 1 * (0.2 + second) + 1.5 * (0.05 + last) + 1.0 * (0.3 + last)) / 4
    assert outcome.node_rate == pytest.approx([3.0, 1.0, 2.5])
    assert outcome.utilisation == pytest.approx([0.6, 0.25, 0.25])
    assert outcome.mean_delay_s == pytest.approx(delay)
    assert outcome.utility_s == -outcome.mean_delay_s
    assert outcome.accuracy is None
    assert outcome.stable


def test_wait_factors_multiply_the_waits_alone() -> None:
    """The same tandem with factors 0.5, 3 and 0: M/M/1 waits x s^2 / (1 - x s), an M/D/1 wait, and no wait."""
    offload = [[0.75, 0.25, 0.0], [0, 0, 1], [0, 0, 1], [0, 0, 0]]
    outcome = evaluate(tandem(wait_factor=[0.5, 3.0, 0.0]), offload)
    first, second, last = 0.2 + 0.5 * 3 * 0.04 / 0.4, 0.25 + 3 * 0.0625 / (2 * 0.75), 0.1
    delay = (3 * (0.1 + first) + 1 * (0.2 + second) + 1.5 * (0.05 + last) + 1.0 * (0.3 + last)) / 4
    assert outcome.mean_delay_s == pytest.approx(delay)
    waits_s = mean_wait_s(tandem(wait_factor=[0.5, 3.0, 0.0]), np.array([3.0, 1.0, 2.5]))
    assert waits_s == pytest.approx([0.15, 0.125, 0.0])


def test_one_wait_factor_serves_all_nodes_and_is_1_by_default() -> None:
    assert tandem().wait_factor.tolist() == [1.0, 1.0, 1.0]
    assert tandem(wait_factor=0.4).wait_factor.tolist() == [0.4, 0.4, 0.4]
    assert replace(tandem(wait_factor=0.4), arrival_rate=[1.0]).wait_factor.tolist() == [0.4, 0.4, 0.4]


def test_a_node_without_waits_is_unstable_from_its_capacity_on() -> None:
    problem = tandem(arrival_rate=[6.0], wait_factor=0.0)
    assert mean_wait_s(problem, np.array([6.0, 3.0, 9.0])).tolist() == [INF, 0.0, 0.0]
    assert evaluate(problem, [[1, 0, 0], [0, 0, 1], [0, 0, 1], [0, 0, 0]]).mean_delay_s == INF


def test_overload_means_infinite_delay() -> None:
    outcome = evaluate(tandem(arrival_rate=[6.0]), [[1, 0, 0], [0, 0, 1], [0, 0, 1], [0, 0, 0]])
    assert outcome.mean_delay_s == INF
    assert not outcome.stable
    assert outcome.utilisation[0] == pytest.approx(1.2)


def test_delay_agrees_with_a_simulated_queue() -> None:
    """Two devices feed a node whose service is 0.1 s or 0.4 s; 40 independent days give a 4-sigma interval."""
    rng = np.random.default_rng(1)
    service = rng.choice([0.1, 0.4], size=(40, 20_000), p=[0.75, 0.25])
    gap = rng.exponential(1 / 4.0, size=service.shape)
    walk = np.cumsum(service[:, :-1] - gap[:, 1:], axis=1)
    wait = walk - np.minimum(np.minimum.accumulate(walk, axis=1), 0.0)  # Lindley's recursion, unrolled
    day = 0.03 + wait[:, 1000:].mean(axis=1) + 0.175
    problem = RoutingProblem([1.0, 3.0], [[0.06], [0.02], [INF]], [0.175], [0.75 * 0.01 + 0.25 * 0.16], [0.0])
    mean_delay_s = evaluate(problem, [[1], [1], [0]]).mean_delay_s
    assert abs(day.mean() - mean_delay_s) < 4 * day.std(ddof=1) / np.sqrt(40)


def test_the_outcome_equals_an_enumeration_of_the_profile() -> None:
    """Accuracy and flows equal the sum over every profile row and every path."""
    rng = np.random.default_rng(2)
    problem = free_thresholds(random_network(rng, 3, (2, 2, 2)), rng, 2.0, rows=30)
    offload = _random_offload(problem, rng)
    threshold = np.array([0.3, 0.9, 0.5, 0.95, 0.0, 0.0])
    outcome = evaluate(problem, offload, threshold)
    rate, right = _enumerated(problem, offload, threshold)
    assert outcome.node_rate == pytest.approx(rate)
    assert outcome.accuracy == pytest.approx(right)
    assert outcome.utility_s == pytest.approx(2.0 * right - outcome.mean_delay_s)


def _random_offload(problem: RoutingProblem, rng: Generator) -> np.ndarray:
    share = problem.has_link * rng.random(problem.link_delay_s.shape)
    return share / np.maximum(share.sum(axis=1, keepdims=True), 1e-12)


def _enumerated(problem: RoutingProblem, offload: np.ndarray, threshold: np.ndarray) -> tuple[np.ndarray, float]:
    early_exit = problem.early_exit
    assert early_exit is not None
    rate, right = np.zeros(6), 0.0
    for device, row, path in product(range(3), range(30), product((0, 1), (2, 3), (4, 5))):
        amount, sender = problem.arrival_rate[device] / 30, device
        for node in path:
            amount *= offload[sender, node]
            sender = 3 + node
            # later choices do not matter after an exit: divide by the number of paths with the same beginning
            rate[node] += amount / _paths_on(node)
            hosted = early_exit.hosted_exit[node]
            if node >= 4 or early_exit.confidence[row, hosted] >= threshold[node]:
                right += amount * early_exit.correct[row, hosted] / _paths_on(node)
                break
    return rate, right / problem.arrival_rate.sum()


def _paths_on(node: int) -> int:
    return {0: 4, 1: 4, 2: 2, 3: 2}.get(node, 1)


def test_stages_follow_from_the_links_whatever_the_order_of_nodes() -> None:
    link_s = np.full((2 + 4, 4), INF)
    link_s[[0, 1], [3, 1]] = 0.1  # devices to nodes 3 and 1
    link_s[[2 + 3, 2 + 1], [0, 0]] = 0.1  # both to node 0; nothing leads to node 2
    problem = RoutingProblem([1.0, 1.0], link_s, np.full(4, 0.1), np.full(4, 0.01), [0.0, 0.5, 0.7, 0.5])
    assert problem.stage.tolist() == [2, 1, 0, 1]
    assert problem.is_last.tolist() == [True, False, True, False]


def test_arrays_are_copied_and_read_only() -> None:
    rate = np.array([4.0])
    problem = tandem(arrival_rate=rate)
    rate[0] = 9.0
    assert problem.arrival_rate.tolist() == [4.0]
    with pytest.raises(ValueError, match="read-only"):
        problem.link_delay_s[0, 0] = 0.0


BACKWARD = [[0.1, 0.2, INF], [INF, INF, 0.05], [0.1, INF, 0.3], [INF, INF, INF]]
CYCLE = [[0.1, 0.2, INF], [INF, INF, 0.05], [INF, INF, 0.3], [0.1, INF, INF]]
SKIP = [[0.1, 0.2, 0.1], [INF, INF, 0.05], [INF, INF, 0.3], [INF, INF, INF]]
NO_FIRST = [[INF, INF, INF], [INF, INF, 0.05], [INF, INF, 0.3], [INF, INF, INF]]
NO_SECOND = [[0.1, 0.2, INF], [INF, INF, INF], [INF, INF, 0.3], [INF, INF, INF]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"arrival_rate": [-1.0]}, r"arrival_rate must be zero or from 1e-18 to 1e.18, got -1.0 at \(0,\)"),
        ({"arrival_rate": [np.nan]}, "arrival_rate must be zero or from 1e-18 to 1e.18, got nan"),
        ({"arrival_rate": [0.0]}, "at least one device must send requests"),
        ({"arrival_rate": [[4.0]]}, r"arrival_rate must have the shape \[D\]"),
        ({"arrival_rate": []}, r"arrival_rate must have the shape \[D\] and not be empty"),
        ({"link_delay_s": np.ones((3, 3))}, r"link_delay_s must have the shape \[D \+ K = 4, K = 3\].*\(3, 3\)"),
        ({"link_delay_s": np.full((4, 3), np.nan)}, "link_delay_s must be zero or from 1e-18 .*, got nan"),
        ({"link_delay_s": BACKWARD}, r"every link must lead from a stage to the next, got a link from device 0"),
        ({"link_delay_s": CYCLE}, r"must not form a cycle, got one among the nodes \[0, 2\]"),
        ({"link_delay_s": SKIP}, r"to the next, got a link from device 0 \(stage 0\) to node 2 \(stage 2\)"),
        ({"link_delay_s": NO_FIRST}, "device 0 sends requests but has no link"),
        ({"link_delay_s": NO_SECOND}, "node 0 has a pass_ratio above 0 but has no link"),
        ({"service_s": [0.2, 0.0, 0.1]}, r"service_s must be from 1e-18 to 1e.18, got 0.0 at \(1,\)"),
        ({"service_sq_s2": [0.1, 0.1]}, r"service_sq_s2 must have the shape \[K = 3\]"),
        ({"service_sq_s2": [0.03, 1.0, 1.0]}, "service_sq_s2 must be at least service_s squared.*at node 0"),
        ({"wait_factor": [1.0, -0.1, 1.0]}, r"wait_factor must be zero or from 1e-18 to 1e.18, got -0.1 at \(1,\)"),
        ({"wait_factor": INF}, "wait_factor must be zero or from 1e-18 to 1e.18, got inf"),
        ({"wait_factor": [1.0, 1.0]}, r"wait_factor must have the shape \[K = 3\]"),
        ({"pass_ratio": [0.5, 1.1, 0.0]}, "pass_ratio must be zero or from 1e-18 to 1, got 1.1"),
        ({"pass_ratio": [0.5, 1.0, 0.2]}, "node 2 has a pass_ratio above 0 but has no link"),
        ({"pass_ratio": None}, "give either pass_ratio or early_exit .* got neither"),
    ],
)
def test_malformed_problems_are_rejected(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tandem(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"confidence": [[0.5, 1.5]]}, "confidence must be zero or more and at most 1, got 1.5"),
        ({"correct": [[1.0, 1.0], [0.0, 1.0]]}, r"correct must have the shape \[M = 1, E = 2\]"),
        ({"hosted_exit": [0, 0, 2]}, r"hosted_exit must lie in 0..1, got 2 at \(2,\)"),
        ({"hosted_exit": [0.0, 0.0, 1.0]}, "hosted_exit must be an integer array"),
        ({"hosted_exit": [0, 1]}, "hosted_exit must name one exit for each of the 3 nodes, got 2"),
        ({"hosted_exit": [0, 1, 1]}, r"must lead to a later exit, got one from node 1 \(exit 1\)"),
        ({"accuracy_weight_s": -1.0}, "accuracy_weight_s must be zero or more and at most 1e.18, got -1.0"),
    ],
)
def test_malformed_profiles_are_rejected(changes: dict[str, Any], message: str) -> None:
    fields = {"confidence": [[0.5, 0.9]], "correct": [[0.0, 1.0]], "hosted_exit": [0, 0, 1], "accuracy_weight_s": 1.0}
    with pytest.raises(ValueError, match=message):
        tandem(pass_ratio=None, early_exit=EarlyExit(**(fields | changes)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("offload", "message"),
    [
        (np.ones((3, 3)), r"offload must have the shape \[D \+ K, K\] = \(4, 3\)"),
        ([[0.5, 0.4, 0.0], [0, 0, 1], [0, 0, 1], [0, 0, 0]], "offload row 0 must sum to 1, got 0.9"),
        ([[0.5, 0.5, 0.0], [0, 0, 1], [0, 0, 1], [0, 1, 0]], r"0 where there is no link, got 1 at \(3, 1\)"),
        ([[1.5, -0.5, 0.0], [0, 0, 1], [0, 0, 1], [0, 0, 0]], r"at least 0.*got -0.5 at \(0, 1\)"),
        ([[0.5, np.nan, 0.0], [0, 0, 1], [0, 0, 1], [0, 0, 0]], r"got nan at \(0, 1\)"),
    ],
)
def test_malformed_plans_are_rejected(offload: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        evaluate(tandem(), offload)


def test_thresholds_belong_to_free_thresholds_alone() -> None:
    rng = np.random.default_rng(3)
    problem = random_network(rng, 3, (2, 2))
    offload = _random_offload(problem, rng)
    with pytest.raises(ValueError, match="got a threshold and no early_exit"):
        evaluate(problem, offload, np.zeros(4))
    free = free_thresholds(problem, rng, 1.0)
    with pytest.raises(ValueError, match="got no threshold"):
        evaluate(free, offload)
    with pytest.raises(ValueError, match="threshold must be 4 numbers"):
        evaluate(free, offload, np.full(4, np.nan))
    with pytest.raises(ValueError, match="got both"):
        replace(free, pass_ratio=np.zeros(4))
