"""DTO-EE: distributed routing and early-exit thresholds, by marginal costs that neighbours pass each other.

A reconstruction of the scheduler in arXiv 2412.08284, of which the abstract was at hand, on textbook ground. A round is
one pass upstream and one downstream. Upstream (DTO-R), each node tells its senders what one more request costs from
there on (Gallager 1977) and how fast that price rises (second derivatives, as in Bertsekas, Gafni & Gallager 1984).
Downstream (DTO-O), each sender moves its shares to the cheaper receivers, then each node in turn moves its threshold
when the utility gains. Overload is fenced by an exterior penalty that hardens from round to round.

A sender hears from its receivers alone. Since moves at the same time would overshoot at high load, the nodes of a stage
share what their senders told them, and one small linear system tells all of them the prices at which these moves agree.
The only thing that the whole network agrees on is the length of each round's step.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge_llm_gym.problems.routing import RoutingProblem
from edge_llm_gym.solvers.dto_ee_flow import Plan
from edge_llm_gym.solvers.dto_ee_network import Cells, Layout, Network, build, fixed_cells, free_cells
from edge_llm_gym.solvers.dto_ee_rounds import run_rounds, workspace
from edge_llm_gym.solvers.routing_solution import RoutingSolution, solution

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


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
        problem: what to route; ``problem.early_exit`` makes the thresholds free.
        start: an earlier solution to go on from, also after nodes have joined, left or changed speed. Without it,
            shares start in proportion to the nodes' capacities.
        threshold: [K] thresholds to keep fixed while the routing is improved.
        tolerance: rounds end when the duality gap is under this share of the mean delay.
        level_count: free thresholds are chosen among so many quantiles of the confidence at each exit.

    If no routing is stable, the result has ``stable`` False and overloads the nodes as little as it can in the sense of
    the fence: it minimises the sum of (1 + cv^2) (utilisation - 0.999)^2 over the overloaded nodes, cv being a node's
    coefficient of variation of service; delays come second. Raises ValueError for options out of range, for a start of
    another shape, and for a threshold that is missing its problem or is no number.
    """
    _check_options(problem, start, max_rounds, tolerance, level_count)
    given = None if threshold is None else np.asarray(threshold, dtype=np.float64)
    cells = _cells(problem, given, level_count)
    network, layout = build(problem, cells)
    plan = _first_plan(problem, network, layout, start, given)
    history = np.zeros(max_rounds + 1)
    free, warm = cells is not None and given is None, start is not None
    rounds, gap, probes = run_rounds(network, plan, workspace(network), warm, free, tolerance, history)
    return solution(
        problem,
        _offload(problem, network, layout, plan),
        None if cells is None else _thresholds(problem, layout, plan),
        rounds=rounds,
        messages=rounds * _messages_per_round(network) + probes * _messages_per_probe(network),
        history=history[: rounds + 1] * layout.time_s,
        gap_s=gap * layout.time_s if cells is None else float("nan"),
    )


def _check_options(
    problem: RoutingProblem, start: RoutingSolution | None, max_rounds: int, tolerance: float, level_count: int
) -> None:
    if max_rounds < 0 or int(max_rounds) != max_rounds:
        raise ValueError(f"max_rounds must be a whole number, zero or more, got {max_rounds!r}")
    if not tolerance > 0:
        raise ValueError(f"tolerance must be positive, got {tolerance!r}")
    if level_count < 2:
        raise ValueError(f"level_count must be at least 2 (exit always, go on always), got {level_count!r}")
    if start is not None and start.offload.shape != problem.link_delay_s.shape:
        raise ValueError(
            f"start must be a solution of {problem.link_delay_s.shape} shares like the problem's links, got "
            f"{start.offload.shape}; keep a node that has left as one without links"
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
        kept = np.bincount(network.sender, earlier, network.first_link.size - 1)[network.sender]
        share = np.where(kept > 0, earlier / np.where(kept > 0, kept, 1.0), share)
    first = start.threshold if threshold is None and start is not None else threshold
    level = _first_levels(problem, network, layout, first)
    return Plan(share, level, _keep(problem, network, layout, level))


def _normalised(network: Network, weight: Floats) -> Floats:
    return weight / np.bincount(network.sender, weight)[network.sender]


def _problem_links(problem: RoutingProblem, network: Network, layout: Layout) -> tuple[Integers, Integers]:
    """Rows and columns of the network's links in the problem's arrays."""
    sender = np.concatenate([np.arange(problem.device_count), problem.device_count + layout.node])
    return sender[network.sender], layout.node[network.receiver]


def _first_levels(problem: RoutingProblem, network: Network, layout: Layout, threshold: Floats | None) -> Integers:
    """Levels next to the ``threshold`` [K] given, or in the middle."""
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


def _keep(problem: RoutingProblem, network: Network, layout: Layout, level: Integers) -> Floats:
    if problem.pass_ratio is not None:
        return problem.pass_ratio[layout.node][:, None].copy()
    passes = (network.cell_level <= level[:, None]) & (network.level_count > 0)[:, None]
    return passes.astype(np.float64)


def _offload(problem: RoutingProblem, network: Network, layout: Layout, plan: Plan) -> Floats:
    """[D + K, K] shares; a node that nothing reaches spreads evenly."""
    link = problem.has_link
    offload = link / np.maximum(link.sum(axis=1, keepdims=True), 1)
    offload[_problem_links(problem, network, layout)] = plan.share
    return offload


def _thresholds(problem: RoutingProblem, layout: Layout, plan: Plan) -> Floats:
    """[K] thresholds of the plan's levels; 0 for a node that answers everything."""
    assert problem.early_exit is not None
    threshold = np.zeros(problem.node_count)
    for node, level in zip(layout.node, plan.level, strict=True):
        if not problem.is_last[node]:
            threshold[node] = layout.levels[problem.early_exit.hosted_exit[node]][level]
    return threshold


def _messages_per_round(network: Network) -> int:
    """Over each link a price, an answer, and the step length up and down; between the nodes of a stage, their rows."""
    peers = np.diff(network.first_node)
    return int(4 * network.sender.size + (peers * (peers - 1)).sum())


def _messages_per_probe(network: Network) -> int:
    """At most one over each link between nodes, and one back."""
    return int(2 * (network.sender >= network.rate.size).sum())
