"""How fast DFTSP is beside scipy's MILP, and how much it searches beside a brute force and a plain depth-first search.

Run ``python -m benchmarks.solvers --seed 0``: prints a report, writes runs/solvers.json and, where matplotlib is
installed, runs/solvers.png. The exit status is 1 if the two solvers disagree anywhere.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice, repeat
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.instances import ENVIRONMENTS, met_in
from benchmarks.reports import Row, milp_within, save, spread, timed
from edge_llm_gym.files import replacing
from edge_llm_gym.problems import BatchProblem
from edge_llm_gym.problems.random_instances import conflicting
from edge_llm_gym.solvers import dftsp
from scripts.reproduce.plain_search import PLAIN_NODE_LIMIT, plain_depth_first_nodes

MILP_RUNS = {50: 20, 100: 12, 200: 8, 400: 3}
"""Number of requests -> how many of the instances the MILP solves too."""
SEARCH_SIZES = (4, 8, 12, 16, 20, 24, 28, 32)
SEARCH_RUNS = 30  # instances at most on which the plain search is run
TOLERANCE = 1e-6
Draw = Callable[[np.random.Generator, int, bool], Iterator[BatchProblem]]


def main() -> None:
    options = _options()
    dftsp.solve(conflicting(np.random.default_rng(0), 5))  # loads the compiled search
    plain_depth_first_nodes(conflicting(np.random.default_rng(0), 5))
    report = vars(options) | {"out": str(options.out), "speed": _each(speed, MILP_RUNS, options)}
    report["search"] = _each(search_effort, SEARCH_SIZES, options)
    save(report, options.out, "solvers")
    _print(report)
    plot(report, options.out / "solvers.png")
    sys.exit(any(row["disagree"] for rows in report["speed"].values() for row in rows))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=200, help="for each family, kind of values and size")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--milp-limit-s", type=float, default=40.0, help="a ratio is then a lower bound")
    parser.add_argument("--out", type=Path, default=Path("runs"))
    return parser.parse_args()


def _random(rng: np.random.Generator, n: int, equal_values: bool) -> Iterator[BatchProblem]:
    while True:
        yield conflicting(rng, n, equal_values=equal_values)


def _met(rng: np.random.Generator, n: int, equal_values: bool) -> Iterator[BatchProblem]:
    """Random nodes of epochs that show ``n`` requests."""
    for problem in met_in(rng, ENVIRONMENTS, repeat(n), equal_values, full=True):
        yield problem.nodes[rng.integers(problem.node_count)]


FAMILIES: dict[str, Draw] = {"environment": _met, "conflicting": _random}


def _each(measure: Callable[..., Row], sizes: Any, options: argparse.Namespace) -> dict[str, list[Row]]:
    """What is measured at each size, by family and kind of values."""
    report: dict[str, list[Row]] = {}
    for place, (family, draw) in enumerate(FAMILIES.items()):
        for values, equal in (("equal", True), ("unequal", False)):
            rows = report.setdefault(f"{family}, {values} values", [])
            for n in sizes:
                rng = np.random.default_rng([options.seed, place, equal, n])
                problems = list(islice(draw(rng, n, equal), options.instances))
                rng.shuffle(problems)  # neighbours come from one episode, and some measures take the first few
                rows.append({"requests": n, "instances": len(problems)} | measure(problems, options.milp_limit_s))
    return report


def speed(problems: list[BatchProblem], milp_limit_s: float) -> Row:
    """Times and search nodes of DFTSP on all problems, and its times against the MILP's on the first few."""
    found, found_ms = zip(*(timed(partial(dftsp.solve, problem)) for problem in problems), strict=True)
    few = problems[: MILP_RUNS[problems[0].request_count]]
    exact, exact_ms = zip(*(timed(partial(milp_within, milp_limit_s, each)) for each in few), strict=True)
    pairs = list(zip(found, exact, strict=False))
    return {
        "feasible_alone": spread(map(_feasible_alone, problems)),
        "proved": sum(batch.optimal for batch in found),
        "nodes": spread(batch.nodes_visited for batch in found),
        "dftsp_ms": spread(found_ms),
        "milp_runs": len(few),
        "milp_limited": sum(not batch.optimal for batch in exact),
        "milp_ms": spread(exact_ms),
        "milp_over_dftsp": spread(slow / fast for fast, slow in zip(found_ms, exact_ms, strict=False)),
        "disagree": sum(not b.value - TOLERANCE <= a.value <= b.upper_bound + TOLERANCE for a, b in pairs),
    }


def search_effort(problems: list[BatchProblem], milp_limit_s: float) -> Row:
    """Search nodes of DFTSP, of a depth-first search that cuts off infeasible sets only, and subsets of the requests.

    Subsets are counted over the requests that are feasible alone: no search has to look at the others.
    """
    problems = problems[:SEARCH_RUNS]
    nodes = np.array([dftsp.solve(problem).nodes_visited for problem in problems])
    plain = np.array([plain_depth_first_nodes(problem) for problem in problems])
    subsets = 2.0 ** np.array(list(map(_feasible_alone, problems)))
    return {
        "searched": len(problems),
        "dftsp": spread(nodes),
        "plain": spread(plain),
        "subsets": spread(subsets),
        "plain_limited": int((plain >= PLAIN_NODE_LIMIT).sum()),
        "saved_of_subsets": float((1.0 - nodes / subsets).mean()),
        "saved_of_plain": float((1.0 - nodes / plain).mean()),
    }


def _feasible_alone(problem: BatchProblem) -> int:
    return sum(problem.feasible(alone) for alone in np.eye(problem.request_count, dtype=np.bool_))


def _print(report: Row) -> None:
    for name, rows in report["speed"].items():
        for row in rows:
            few, limited = row["milp_runs"], row["milp_limited"]
            ms, milp_ms, ratio, nodes = row["dftsp_ms"], row["milp_ms"], row["milp_over_dftsp"], row["nodes"]
            print(
                f"{name}, N = {row['requests']}: DFTSP median {ms['median']:.3f} ms, p99 {ms['p99']:.3f}; proved "
                f"{row['proved']} of {row['instances']}; nodes median {nodes['median']:g}, p99 {nodes['p99']:g}\n"
                f"  MILP: median {milp_ms['median']:.0f} ms in {few} runs, {limited} cut short, "
                f"{row['disagree']} disagree; {ratio['median']:.0f} times slower, at least {ratio['least']:.0f}"
            )
    for name, rows in report["search"].items():
        for row in rows:
            print(
                f"{name}, N = {row['requests']}: nodes median {row['dftsp']['median']:g}, plain "
                f"{row['plain']['median']:g} ({row['plain_limited']} cut short), subsets {row['subsets']['median']:g}; "
                f"saved of subsets {row['saved_of_subsets']:.1%}, of plain {row['saved_of_plain']:.1%}"
            )


def plot(report: Row, path: Path) -> None:
    """Growth with the number of requests: times on the left, search nodes on the right."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print("no plot: matplotlib is not installed (extra 'plots')")
        return
    figure = Figure(figsize=(11, 4.4), layout="constrained")
    times, nodes = figure.subplots(1, 2)
    _plot_times(times, report["speed"])
    _plot_nodes(nodes, report["search"])
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=120)


COLOURS = dict(
    zip(
        (f"{f}, {v} values" for f in FAMILIES for v in ("equal", "unequal")),
        ("#2b6cb0", "#7db3e0", "#c8511b", "#eda27a"),
        strict=True,
    )
)


def _plot_times(axes: Any, speed: dict[str, list[Row]]) -> None:
    for name, rows in speed.items():
        sizes = [row["requests"] for row in rows]
        axes.plot(sizes, [row["dftsp_ms"]["median"] for row in rows], "o-", color=COLOURS[name], label=name)
        axes.plot(sizes, [row["dftsp_ms"]["p99"] for row in rows], ":", color=COLOURS[name])
        axes.plot(sizes, [row["milp_ms"]["median"] for row in rows], "s--", color=COLOURS[name], markersize=4)
    axes.set(xscale="log", yscale="log", xlabel="requests N", ylabel="milliseconds")
    axes.set_xticks(sizes, map(str, sizes))
    axes.minorticks_off()
    axes.set_title("DFTSP: median (solid), 99th percentile (dotted); MILP: median (dashed)", fontsize=9)
    axes.legend(frameon=False, fontsize=8)


def _plot_nodes(axes: Any, search: dict[str, list[Row]]) -> None:
    for name, rows in search.items():
        sizes = [row["requests"] for row in rows]
        axes.plot(sizes, [row["dftsp"]["mean"] for row in rows], "o-", color=COLOURS[name])
        axes.plot(sizes, [row["plain"]["median"] for row in rows], "^--", color=COLOURS[name], markersize=4)
    axes.plot(sizes, [2.0**n for n in sizes], color="black", linewidth=0.8)
    axes.annotate("all subsets", (sizes[-3], 2.0 ** sizes[-3]), xytext=(-62, 0), textcoords="offset points", fontsize=8)
    axes.set(yscale="log", xlabel="requests N", ylabel="search nodes")
    axes.set_xticks(sizes)
    axes.set_title("search nodes: DFTSP, mean (solid); plain depth first, median (dashed)", fontsize=9)


if __name__ == "__main__":
    main()
