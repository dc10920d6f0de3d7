"""Reproduction of the OT-GAH study: several nodes, requests assigned to them (IEEE TWC, 10.1109/TWC.2024.3497923)."""

from functools import partial
from typing import Any, Final

import numpy as np

from edge_llm_gym.evaluation.plots import new_figure
from edge_llm_gym.problems import AssignmentProblem
from edge_llm_gym.solvers import ot_gah, reference
from scripts.reproduce import batching
from scripts.reproduce.batching import BatchingResults, BatchingStudy
from scripts.reproduce.claims import AGREES, DISAGREES, Claim
from scripts.reproduce.figures import COLOURS, name_axes
from scripts.reproduce.measures import SHARE, THROUGHPUT, decimals, percent
from scripts.reproduce.reproduction import Figures, Reproduction
from scripts.reproduce.search_effort import Effort, Record, same_value
from scripts.reproduce.study import expert
from scripts.reproduce.tables import Row, cell

PLAIN: Final = "ot-gah"
IMPROVED: Final = "ot-gah, improved"
GUARANTEE: Final = 0.5
MILP_LIMIT_S: Final = 20.0
EFFORT_HEADER: Final = (
    "ratio",
    "worst",
    "optimal",
    "improved: ratio",
    "worst",
    "optimal",
    "nodes",
    "improved: nodes",
    "brute force",
)
EFFORT_SERIES: Final = {
    "assignments": "brute force: all assignments",
    "improved_nodes": "with improvement",
    "nodes": "OT-GAH",
}
RATIO_SERIES: Final = {"ratio": "OT-GAH", "improved_ratio": "with improvement"}

STUDY: Final = BatchingStudy(
    name="ot-gah",
    environment="EdgeLLM/MultiNode-v0",
    scenario="paper-multi-node",
    scheduler=PLAIN,
    policies=(
        (PLAIN, partial(expert, "ot-gah", {"improve": False})),
        (IMPROVED, partial(expert, "ot-gah", {"improve": True})),
        *batching.BASELINES,
    ),
    variants=frozenset({IMPROVED}),
    sweeps=batching.sweeps((5.0, 10.0, 20.0, 40.0, 80.0, 160.0), nodes=3),
    measures=(THROUGHPUT, SHARE),
    effort_rates=(2.0, 5.0, 10.0, 20.0, 30.0),
    keep_every=10,
)


def measure_problem(problem: AssignmentProblem) -> Record:
    """Ratios to the optimum and search nodes; the optimum is replaced by its upper bound where the MILP times out."""
    exact = reference.milp(problem, time_limit_s=MILP_LIMIT_S)
    plain, improved = ot_gah.solve(problem), ot_gah.solve(problem, improve=True)
    hosts = np.sum([node.feasible_alone() for node in problem.nodes], axis=0)
    return {
        "requests": int((hosts > 0).sum()),
        "proved": exact.optimal,
        "ratio": plain.value / exact.upper_bound,
        "improved_ratio": improved.value / exact.upper_bound,
        "optimal": same_value(plain.value, exact.upper_bound),
        "improved_optimal": same_value(improved.value, exact.upper_bound),
        "nodes": plain.nodes_visited,
        "improved_nodes": improved.nodes_visited,
        "assignments": float(np.prod(1.0 + hosts)),
    }


def _claim_guarantee(results: BatchingResults) -> Claim:
    """OT-GAH serves at least half of what an optimal assignment would."""
    ratios = np.concatenate([effort.samples("ratio") for effort in results.effort])
    below = int((ratios < GUARANTEE).sum())
    numbers = {
        "problems": results.problem_count,
        "worst": float(ratios.min()),
        "below": below,
        **{quantity: results.total(quantity) for quantity in ("proved", "optimal", "improved_optimal")},
    }
    return Claim("half_of_optimum", DISAGREES if below else AGREES, numbers)


def _effort_row(effort: Effort) -> Row:
    ratios = (*_ratio_cells(effort, "ratio", "optimal"), *_ratio_cells(effort, "improved_ratio", "improved_optimal"))
    nodes = (cell(effort.mean(name), batching.count) for name in ("nodes", "improved_nodes", "assignments"))
    return f"{effort.rate_per_s:g}", str(effort.count), cell(effort.mean("requests"), batching.count), *ratios, *nodes


def _ratio_cells(effort: Effort, ratio: str, optimal: str) -> Row:
    mean = cell(effort.mean(ratio), decimals(3))
    return mean, f"{effort.samples(ratio).min():.3f}", percent(effort.samples(optimal).mean())


def _figures(results: BatchingResults) -> Figures:
    yield from batching.sweep_figures(results)
    figure = new_figure(11.0, 4.0)
    ratios, nodes = figure.subplots(1, 2)
    _draw_ratios(ratios, results.effort)
    batching.draw_search_nodes(nodes, results.effort, EFFORT_SERIES)
    yield "effort", figure


def _draw_ratios(axis: Any, efforts: tuple[Effort, ...]) -> None:
    rates = [effort.rate_per_s for effort in efforts]
    for colour, (name, label) in zip(COLOURS, RATIO_SERIES.items(), strict=False):
        axis.plot(rates, [effort.mean(name).mean for effort in efforts], "o-", color=colour, label=f"{label}, mean")
        worst = [effort.samples(name).min() for effort in efforts]
        axis.plot(rates, worst, "v:", color=colour, label=f"{label}, worst")
    axis.axhline(GUARANTEE, color="black", linewidth=0.8)
    axis.annotate("guarantee", (rates[0], GUARANTEE), xytext=(0, 4), textcoords="offset points", fontsize=8)
    name_axes(axis, "arrivals per second", "value over the epoch's optimum")
    axis.set_ylim(0, 1.05)
    axis.legend(frameon=False, fontsize=9)


def _variables(results: BatchingResults) -> dict[str, Any]:
    return batching.variables(EFFORT_HEADER, [_effort_row(effort) for effort in results.effort], results)


REPRODUCTION: Final = Reproduction(
    study=STUDY,
    run=partial(batching.run, measure_problem),
    claims=(_claim_guarantee, batching.claim_ahead_of_baselines),
    figures=_figures,
    variables=_variables,
    records=batching.records,
)
