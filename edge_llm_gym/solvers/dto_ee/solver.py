"""The solver around the rounds of DTO-EE: options, first plan, result; see the package docstring for the method."""

import numpy as np
from numpy.typing import ArrayLike

from edge_llm_gym.numeric import real_number, whole_number
from edge_llm_gym.problems.arrays import Floats, Ints, real_numbers
from edge_llm_gym.problems.routing import RoutingProblem
from edge_llm_gym.solvers.dto_ee.flow import Plan
from edge_llm_gym.solvers.dto_ee.network import Cells, Layout, Network, build, fixed_cells, free_cells
from edge_llm_gym.solvers.dto_ee.rounds import run_rounds, workspace
from edge_llm_gym.solvers.solutions import RoutingSolution, routing_solution

MOST_ROUNDS = 1_000_000
MOST_LEVELS = 10_000
LEAST_TOLERANCE = 1e-12
"""Least tolerance: below it, rounding errors decide."""


def solve(
    problem: RoutingProblem,
    start: RoutingSolution | None = None,
    *,
    threshold: ArrayLike | None = None,
    max_rounds: int = 100,
    tolerance: float = 1e-3,
    level_count: int = 33,
) -> RoutingSolution:
    """Shares, and thresholds where they are free, after at most ``max_rounds`` rounds.

    Args:
        problem: the routing problem; with ``problem.early_exit`` the thresholds are free.
        start: an earlier solution to start from, also after nodes have joined, left or changed speed. Without it,
            shares start in proportion to the nodes' capacities.
        threshold: [K] fixed thresholds; only the routing is improved.
        max_rounds: at most MOST_ROUNDS.
        tolerance: rounds end when the duality gap is below this share of the mean delay; at least LEAST_TOLERANCE.
        level_count: number of quantiles of the confidence at each exit among which free thresholds are chosen, from 2
            (always exit, always forward) to MOST_LEVELS.

    If no routing is stable, the result has ``stable`` False and minimises the overload penalty: the sum of
    (1 + cv^2) (utilisation - 0.999)^2 over the overloaded nodes, where cv is a node's coefficient of variation of the
    service time; delays come second. Raises ValueError for options out of range, for a start of another shape, for a
    threshold without early_exit, and for one that is NaN or of another shape.
    """
    _check_start(problem, start)
    max_rounds = whole_number("max_rounds", max_rounds, greatest=MOST_ROUNDS)
    tolerance = real_number("tolerance", tolerance, least=LEAST_TOLERANCE)
    level_count = whole_number("level_count", level_count, least=2, greatest=MOST_LEVELS)
    given = None if threshold is None else real_numbers("threshold", threshold)
    cells = _cells(problem, given, level_count)
    network, layout = build(problem, cells)
    plan = _first_plan(problem, network, layout, start, given)
    history = np.zeros(max_rounds + 1)
    free, warm = cells is not None and given is None, start is not None
    rounds, gap, probes = run_rounds(network, plan, workspace(network), warm, free, tolerance, history)
    return routing_solution(
        problem,
        _offload(problem, network, layout, plan),
        None if cells is None else _thresholds(problem, layout, plan),
        rounds=rounds,
        messages=rounds * _messages_per_round(network) + probes * _messages_per_probe(network),
        history=history[: rounds + 1] * layout.time_s,
        gap_s=gap * layout.time_s if cells is None else float("nan"),
    )


def _check_start(problem: RoutingProblem, start: RoutingSolution | None) -> None:
    if start is not None and start.offload.shape != problem.link_delay_s.shape:
        raise ValueError(
            f"start must be a solution of {problem.link_delay_s.shape} shares like the problem's links, got "
            f"{start.offload.shape}; represent a node that has left by one without links"
        )


def _cells(problem: RoutingProblem, threshold: Floats | None, level_count: int) -> Cells | None:
    if problem.early_exit is None:
        if threshold is not None:
            raise ValueError("threshold belongs to a problem with early_exit, got a problem with given pass ratios")
        return None
    if threshold is None:
        return free_cells(problem, level_count)
    if threshold.shape != (problem.node_count,) or np.isnan(threshold).any():
        raise ValueError(f"threshold must be {problem.node_count} numbers, one for each node, got {threshold!r}")
    return fixed_cells(problem, threshold)


def _first_plan(
    problem: RoutingProblem,
    network: Network,
    layout: Layout,
    start: RoutingSolution | None,
    threshold: Floats | None,
) -> Plan:
    share = _normalised(network, 1 / network.load[network.receiver])
    if start is not None:
        earlier = start.offload[_problem_links(problem, network, layout)]
        earlier_total = np.bincount(network.sender, earlier, network.first_link.size - 1)[network.sender]
        share = np.where(earlier_total > 0, earlier / np.where(earlier_total > 0, earlier_total, 1.0), share)
    first = start.threshold if threshold is None and start is not None else threshold
    level = _first_levels(problem, network, layout, first)
    return Plan(share, level, _forward_shares(problem, network, layout, level))


def _normalised(network: Network, weight: Floats) -> Floats:
    return weight / np.bincount(network.sender, weight)[network.sender]


def _problem_links(problem: RoutingProblem, network: Network, layout: Layout) -> tuple[Ints, Ints]:
    """Rows and columns of the network's links in the arrays of the problem."""
    sender = np.concatenate([np.arange(problem.device_count), problem.device_count + layout.node])
    return sender[network.sender], layout.node[network.receiver]


def _first_levels(problem: RoutingProblem, network: Network, layout: Layout, threshold: Floats | None) -> Ints:
    """Levels nearest to the given ``threshold`` [K], or the middle levels."""
    if problem.early_exit is None or threshold is None:
        return network.level_count // 2
    return np.array(
        [
            _nearest(layout.levels[problem.early_exit.hosted_exit[node]], threshold[node]) if choices > 0 else 0
            for node, choices in zip(layout.node, network.level_count, strict=True)
        ]
    )


def _nearest(levels: Floats, value: float) -> int:
    """Index of the level nearest to ``value``; both may be infinite."""
    return int(np.searchsorted((levels[:-1] + levels[1:]) / 2, value, side="right"))


def _forward_shares(problem: RoutingProblem, network: Network, layout: Layout, level: Ints) -> Floats:
    if problem.pass_ratio is not None:
        return problem.pass_ratio[layout.node][:, None].copy()
    passes = (network.cell_level <= level[:, None]) & (network.level_count > 0)[:, None]
    return passes.astype(np.float64)


def _offload(problem: RoutingProblem, network: Network, layout: Layout, plan: Plan) -> Floats:
    """[D + K, K] shares; a node that no request can reach splits evenly."""
    link = problem.has_link
    offload = link / np.maximum(link.sum(axis=1, keepdims=True), 1)
    offload[_problem_links(problem, network, layout)] = plan.share
    return offload


def _thresholds(problem: RoutingProblem, layout: Layout, plan: Plan) -> Floats:
    """[K] thresholds of the plan's levels; 0 for a node where every request exits."""
    assert problem.early_exit is not None
    threshold = np.zeros(problem.node_count)
    for node, level in zip(layout.node, plan.level, strict=True):
        if not problem.is_last[node]:
            threshold[node] = layout.levels[problem.early_exit.hosted_exit[node]][level]
    return threshold


def _messages_per_round(network: Network) -> int:
    """Four per link: price, response, and step length up and down; and between the nodes of a stage, their rows."""
    peers = np.diff(network.first_node)
    return int(4 * network.sender.size + (peers * (peers - 1)).sum())


def _messages_per_probe(network: Network) -> int:
    """At most one over each link between nodes, and one back."""
    return int(2 * (network.sender >= network.rate.size).sum())
