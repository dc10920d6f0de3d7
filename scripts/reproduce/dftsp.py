"""Reproduction of the DFTSP study: one node, batches found by tree search (arXiv 2405.07140)."""

from functools import partial
from typing import Any, Final

from edge_llm_gym.evaluation.plots import new_figure
from edge_llm_gym.problems import AssignmentProblem
from edge_llm_gym.solvers import dftsp, reference
from scripts.reproduce import batching
from scripts.reproduce.batching import BatchingResults, BatchingStudy
from scripts.reproduce.claims import Claim, verdict
from scripts.reproduce.measures import SHARE, THROUGHPUT, percent
from scripts.reproduce.plain_search import plain_depth_first_nodes
from scripts.reproduce.reproduction import Figures, Reproduction
from scripts.reproduce.search_effort import Effort, Record, same_value
from scripts.reproduce.tables import Row, cell

CLAIMED_SAVING: Final = 0.45
ENUMERABLE: Final = 16
"""Up to this number of requests the brute force is run and its optimum compared."""
EFFORT_HEADER: Final = (
    "DFTSP nodes",
    "depth first, no bound",
    "brute force",
    "saved against brute force",
    "and depth first",
)
EFFORT_SERIES: Final = {
    "subsets": "brute force: all subsets",
    "depth_first_nodes": "depth first, no bound",
    "dftsp_nodes": "DFTSP",
}

STUDY: Final = BatchingStudy(
    name="dftsp",
    environment="EdgeLLM/SingleNode-v0",
    scenario="paper-single-node",
    scheduler="dftsp",
    policies=(("dftsp", "dftsp"), *batching.BASELINES),
    sweeps=batching.sweeps((2.0, 5.0, 10.0, 20.0, 40.0, 80.0), nodes=1),
    measures=(THROUGHPUT, SHARE),
    effort_rates=(2.0, 5.0, 10.0, 20.0, 40.0),
)


def measure_problem(problem: AssignmentProblem) -> Record:
    """Search nodes on the node's problem. `optimal` is the comparison with the brute force where it is run."""
    (node,) = problem.nodes
    best = dftsp.solve(node)
    checked = node.request_count <= ENUMERABLE
    requests = int(node.feasible_alone().sum())
    return {
        "requests": requests,
        "proved": best.optimal,
        "checked": checked,
        "optimal": checked and same_value(best.value, reference.brute_force(node).value),
        "dftsp_nodes": best.nodes_visited,
        "depth_first_nodes": plain_depth_first_nodes(node),
        "subsets": 2.0**requests,
    }


def _claim_optimal(results: BatchingResults) -> Claim:
    """DFTSP finds the optimal batch."""
    numbers = {quantity: results.total(quantity) for quantity in ("proved", "checked", "optimal")}
    numbers["problems"] = results.problem_count
    good = (numbers["proved"] == numbers["problems"]) + (numbers["optimal"] == numbers["checked"])
    return Claim("optimal_batch", verdict(good, 2), numbers)


def _claim_less_search(results: BatchingResults) -> Claim:
    """DFTSP needs less search than the brute force."""
    savings = [effort.saved("dftsp_nodes", "subsets") for effort in results.effort]
    numbers = {
        "claimed": CLAIMED_SAVING,
        "saved_of_subsets": _savings(results, "subsets"),
        "saved_of_depth_first": _savings(results, "depth_first_nodes"),
    }
    return Claim("less_search", verdict(sum(saving.low > CLAIMED_SAVING for saving in savings), len(savings)), numbers)


def _savings(results: BatchingResults, reference: str) -> list[dict[str, float]]:
    return [
        {"rate_per_s": effort.rate_per_s, "share": effort.saved("dftsp_nodes", reference).mean}
        for effort in results.effort
    ]


def _effort_row(effort: Effort) -> Row:
    counted = ("requests", "dftsp_nodes", "depth_first_nodes", "subsets")
    nodes = (cell(effort.mean(name), batching.count) for name in counted)
    saved = (cell(effort.saved("dftsp_nodes", name), percent) for name in ("subsets", "depth_first_nodes"))
    return f"{effort.rate_per_s:g}", str(effort.count), *nodes, *saved


def _figures(results: BatchingResults) -> Figures:
    yield from batching.sweep_figures(results)
    figure = new_figure(6.5, 4.0)
    batching.draw_search_nodes(figure.subplots(), results.effort, EFFORT_SERIES)
    yield "effort", figure


def _variables(results: BatchingResults) -> dict[str, Any]:
    rows = [_effort_row(effort) for effort in results.effort]
    return batching.variables(EFFORT_HEADER, rows, results) | {"enumerable": ENUMERABLE}


REPRODUCTION: Final = Reproduction(
    study=STUDY,
    run=partial(batching.run, measure_problem),
    claims=(_claim_optimal, batching.claim_ahead_of_baselines, _claim_less_search),
    figures=_figures,
    variables=_variables,
    records=batching.records,
)
