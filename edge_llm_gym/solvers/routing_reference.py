"""Reference for routing: the convex optimum with a certified gap, and a search over thresholds around it."""

from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from edge_llm_gym.numeric import real_number, whole_number
from edge_llm_gym.problems.arrays import Floats, Ints
from edge_llm_gym.problems.routing import EarlyExit, RoutingProblem
from edge_llm_gym.problems.routing_outcome import evaluate
from edge_llm_gym.solvers.flow_program import FlowProgram

MOST_LEVELS = 1000
"""Greatest number of levels of a search over thresholds, whose effort grows as levels ** stages."""


@dataclass(frozen=True)
class ReferenceRouting:
    """A routing, and an upper bound on its distance from the optimum."""

    offload: Floats
    """[D + K, K] shares."""
    threshold: Floats | None
    """[K] thresholds where they are free, else None."""
    mean_delay_s: float
    utility_s: float
    gap_s: float
    """No routing with these thresholds has a mean delay under mean_delay_s - gap_s (Frank-Wolfe duality gap)."""


def convex_optimum(problem: RoutingProblem, relative_gap: float = 1e-5) -> ReferenceRouting:
    """The least mean delay for given pass ratios, by a log-barrier Newton method in the flows of the links.

    In flows the delay is convex and conservation linear, so a duality gap of the linearised delay (Frank & Wolfe 1956)
    bounds the error. Raises ValueError for free thresholds, where no routing is stable, and for a gap that is not a
    number of at least 1e-12; RuntimeError if the requested gap is not reached.
    """
    if problem.pass_ratio is None:
        raise ValueError(
            "the convex optimum needs given pass ratios, got free thresholds: use search_thresholds for them"
        )
    relative_gap = real_number("relative_gap", relative_gap, least=1e-12)
    program = FlowProgram(problem)
    flow, multiplier = program.minimise(program.interior(), relative_gap / 4)
    delay, gap = program.delay(flow) / program.total, program.duality_gap(flow, multiplier) / program.total
    if not gap <= relative_gap * delay:
        raise RuntimeError(
            f"the reference stopped at a duality gap of {gap / delay:.1e}, requested: {relative_gap:.1e}"
        )
    return ReferenceRouting(program.offload(flow), None, delay, -delay, gap)


def least_utilisation(problem: RoutingProblem) -> float:
    """Utilisation of the busiest node under the routing that keeps it lowest: stable routings exist below 1."""
    return FlowProgram(problem).balanced()[0]


def at_load(problem: RoutingProblem, load: float) -> RoutingProblem:
    """The same network with its arrivals scaled so that the least utilisation of the busiest node is ``load``."""
    load = real_number("load", load, least=1e-12)
    return replace(problem, arrival_rate=problem.arrival_rate * (load / least_utilisation(problem)))


def with_stage_thresholds(problem: RoutingProblem, threshold: Floats) -> RoutingProblem:
    """The problem with given pass ratios that follows if all nodes of stage s use ``threshold[s - 1]``; exact.

    Every request then meets the same thresholds on every path, so the pass ratio of a node depends on its stage alone.
    """
    if problem.early_exit is None:
        raise ValueError("only a problem with early_exit has thresholds to fix")
    exits = _stage_exits(problem)
    remaining = np.ones(problem.early_exit.confidence.shape[0], dtype=bool)
    ratio = np.zeros(exits.size + 1)
    for stage, hosted in enumerate(exits, start=1):
        forwarded = remaining & (problem.early_exit.confidence[:, hosted] < threshold[stage - 1])
        ratio[stage] = forwarded.sum() / max(remaining.sum(), 1)
        remaining = forwarded
    pass_ratio = np.where(problem.is_last, 0.0, ratio[problem.stage])
    return replace(problem, pass_ratio=pass_ratio, early_exit=None)


def search_thresholds(problem: RoutingProblem, levels: int = 11) -> ReferenceRouting:
    """The best thresholds common to a stage, among ``levels`` quantiles at each exit, with optimal routing.

    Afterwards each node in turn tries all levels with the routing fixed. The first part is exact on its grid, the
    second a local search, so the result is a lower bound on the best utility. The effort grows as levels ** stages.
    """
    if problem.early_exit is None:
        raise ValueError("search_thresholds needs a problem with early_exit; use convex_optimum for given pass ratios")
    grid = _threshold_grid(problem, problem.early_exit, whole_number("levels", levels, least=2, greatest=MOST_LEVELS))
    tried = [_at_stage_thresholds(problem, np.array(choice)) for choice in product(*grid[:-1], [0.0])]
    stable = [routing for routing in tried if routing is not None]
    if not stable:
        raise ValueError("no threshold on the grid leaves a stable routing: the load is too high")
    return _refine_nodes(problem, max(stable, key=lambda routing: routing.utility_s), grid)


def _threshold_grid(problem: RoutingProblem, early_exit: EarlyExit, levels: int) -> list[Floats]:
    quantiles = [np.quantile(early_exit.confidence[:, e], np.linspace(0, 1, levels)) for e in _stage_exits(problem)]
    return [np.unique(np.append(q, np.nextafter(q[-1], 2.0))) for q in quantiles]


def _stage_exits(problem: RoutingProblem) -> Ints:
    assert problem.early_exit is not None
    hosted = [np.unique(problem.early_exit.hosted_exit[problem.stage == s]) for s in range(1, problem.stage.max() + 1)]
    if any(exits.size != 1 for exits in hosted):
        raise ValueError(f"all nodes of a stage must host the same exit for this reference, got {hosted}")
    return np.concatenate(hosted)


def _at_stage_thresholds(problem: RoutingProblem, threshold: Floats) -> ReferenceRouting | None:
    fixed = with_stage_thresholds(problem, threshold)
    if least_utilisation(fixed) >= 1:
        return None
    best = convex_optimum(fixed, 1e-4)
    per_node = threshold[np.maximum(problem.stage - 1, 0)]
    outcome = evaluate(problem, best.offload, per_node)
    return ReferenceRouting(best.offload, per_node, outcome.mean_delay_s, outcome.utility_s, best.gap_s)


def _refine_nodes(problem: RoutingProblem, routing: ReferenceRouting, grid: list[Floats]) -> ReferenceRouting:
    for node in np.flatnonzero(~problem.is_last & (problem.stage > 0)):
        for level in grid[problem.stage[node] - 1]:
            threshold = np.array(routing.threshold)
            threshold[node] = level
            outcome = evaluate(problem, routing.offload, threshold)
            if outcome.utility_s > routing.utility_s:
                routing = replace(
                    routing, threshold=threshold, mean_delay_s=outcome.mean_delay_s, utility_s=outcome.utility_s
                )
    return routing
