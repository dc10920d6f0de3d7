"""Checks of solutions from the statement of the problems alone, in plain Python with exact sums."""

import math
from typing import Any

import numpy as np
from numpy.random import Generator

from edge_llm_gym.problems import AssignmentProblem, BatchProblem, RoutingProblem
from edge_llm_gym.solvers import baselines, dftsp, dto_ee, ot_gah, reference, routing_baselines

LIMIT_SLACK = 1.0 + 1e-9 + 1e-12
VALUE_SLACK = 1e-8
"""Of the greatest value: totals closer than this are equal."""


def check_assignment(problem: AssignmentProblem, rng: Generator) -> None:
    """Solves the problem by every batch solver. Raises AssertionError with the first fault."""
    limit = int(rng.choice([0, 1, 3, 100_000]))
    for node in problem.nodes:
        found = dftsp.solve(node, node_limit=limit, urgency=rng.random(node.request_count))
        _check_batch(node, found.selected, found.value, found.upper_bound)
        _check_optimum(node, found)
    best = reference.brute_force(problem).value
    slack = VALUE_SLACK * max(node.value.max(initial=0.0) for node in problem.nodes)
    for improve in (False, True):
        solution = ot_gah.solve(problem, improve=improve, node_limit=limit)
        _check_nodes(problem, solution.node)
        assert np.isfinite([solution.value, solution.upper_bound]).all(), "OT-GAH is not finite"
        assert solution.value <= solution.upper_bound, "OT-GAH exceeds its bound"
        assert best <= solution.upper_bound + slack, f"OT-GAH's bound {solution.upper_bound} is below {best}"
    for rule in baselines.NODE_RULES:
        _check_nodes(problem, baselines.assign_first_fit(problem, rng.permutation(problem.request_count), rule))


def _check_batch(node: BatchProblem, selected: Any, value: float, upper_bound: float) -> None:
    assert _feasible(node, np.flatnonzero(selected)), "the batch is not feasible"
    assert np.isfinite([value, upper_bound]).all(), f"value {value} or bound {upper_bound} is not finite"
    assert 0.0 <= value <= upper_bound, f"value {value} is negative or exceeds its bound {upper_bound}"


def _check_optimum(node: BatchProblem, found: Any) -> None:
    best, slack = reference.brute_force(node).value, VALUE_SLACK * float(node.value.max(initial=0.0))
    assert best <= found.upper_bound + slack, f"the bound {found.upper_bound} is below the optimum {best}"
    if found.optimal:
        assert abs(found.value - best) <= slack, f"{found.value} is reported as optimal, the optimum is {best}"


def _check_nodes(problem: AssignmentProblem, assignment: Any) -> None:
    for index, node in enumerate(problem.nodes, start=1):
        assert _feasible(node, np.flatnonzero(assignment == index)), f"the batch of node {index} is not feasible"


def _feasible(node: BatchProblem, chosen: Any) -> bool:
    """Whether a set of requests keeps every limit."""
    if not len(chosen):
        return True
    batch_s = math.fsum(node.time_s[chosen]) + max(node.shared_time_s[chosen])
    loads = (
        (batch_s, min(node.time_cap_s, *node.budget_s[chosen])),
        (math.fsum(node.kv_bytes[chosen]), node.memory_bytes),
        (math.fsum(node.uplink_share[chosen]), 1.0),
        (math.fsum(node.downlink_share[chosen]), 1.0),
    )
    return all(used <= limit * LIMIT_SLACK for used, limit in loads)


def check_network(problem: RoutingProblem, rng: Generator) -> None:
    """Solves the problem by DTO-EE and by simple rules. Raises AssertionError with the first fault."""
    solution = dto_ee.solve(problem)
    sums = solution.offload.sum(axis=1)
    assert np.allclose(sums[problem.has_link.any(axis=1)], 1.0, atol=1e-9), "shares do not sum to 1"
    delay_s = _mean_delay_s(problem, solution.offload)
    assert np.isclose(delay_s, solution.mean_delay_s, rtol=1e-6, atol=0.0), f"{solution.mean_delay_s} is not {delay_s}"
    if not solution.stable:
        return
    assert 0.0 <= solution.gap_s < np.inf, f"the gap {solution.gap_s} is negative or not finite"
    for name in ("uniform", "compute-proportional", "bandwidth-proportional"):
        other_s = routing_baselines.solve(name, problem, rng).mean_delay_s
        least_s = solution.mean_delay_s - solution.gap_s
        assert other_s >= least_s * (1.0 - 1e-9), f"{name} takes {other_s} s, less than the bound {least_s} s"


def _mean_delay_s(problem: RoutingProblem, offload: Any) -> float:
    """Mean delay of a plan with given pass ratios, node by node in stage order."""
    devices, rate = problem.device_count, [0.0] * problem.node_count
    total, delay = math.fsum(problem.arrival_rate), []
    senders = [*range(devices), *(devices + int(k) for k in np.argsort(problem.stage, kind="stable"))]
    for sender in senders:
        k = sender - devices
        sent = float(problem.arrival_rate[sender]) if k < 0 else rate[k] * float(problem.pass_ratio[k])  # type: ignore[index]
        if k >= 0:
            if rate[k] * problem.service_s[k] >= 1.0:
                return math.inf
            delay.append(rate[k] * float(problem.service_s[k] + _wait_s(problem, k, rate[k])))
        for node in np.flatnonzero(offload[sender] > 0.0):
            rate[node] += sent * float(offload[sender, node])
            delay.append(sent * float(offload[sender, node]) * float(problem.link_delay_s[sender, node]))
    return math.fsum(delay) / total


def _wait_s(problem: RoutingProblem, k: int, rate: float) -> float:
    """Mean wait of an M/G/1 queue times the wait factor."""
    factor = float(np.asarray(problem.wait_factor)[k])
    return factor * rate * float(problem.service_sq_s2[k]) / (2.0 * (1.0 - rate * float(problem.service_s[k])))
