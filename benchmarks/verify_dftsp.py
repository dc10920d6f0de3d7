"""Check that DFTSP finds the optimum, against brute force (few requests) and a MILP (many) on random instances.

Run ``python -m benchmarks.verify_dftsp --instances 2000 --seed 0``: prints a report and writes runs/verify_dftsp.json.
The exit status is 1 if one instance disagrees. Two in five instances come from real episodes, two in five are random
with conflicting constraints, one in five is degenerate; half of each have equal values, half unequal ones.
"""

import argparse
import sys
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.instances import Instance, from_environments, from_random, from_shapes
from benchmarks.reports import Row, milp_within, save, spread, timed
from edge_llm_gym.problems.random_instances import conflicting
from edge_llm_gym.solvers import dftsp, reference
from edge_llm_gym.solvers.solutions import BatchSolution

ENUMERABLE = 14
"""Up to this number of requests the reference is brute force, beyond it the MILP."""
TOLERANCE = 1e-6
"""Relative to the greatest value of a request: totals closer than this are equal, the precision of HiGHS."""

DRAWS = {
    "environment": (0.4, from_environments),
    "conflicting": (0.4, partial(from_random, family="conflicting", make=conflicting)),
    "degenerate": (0.2, from_shapes),
}
"""Family -> its share of the instances, and its generator."""


def main() -> None:
    options = _options()
    dftsp.solve(next(from_shapes(np.random.default_rng(0), 5, True)).problem)  # compiles the search
    rows = []
    for number, instance in enumerate(instances(options.instances, options.seed, options.largest), start=1):
        rows.append(compare(instance, options.milp_limit_s))
        if number % 200 == 0:
            print(f"{number} instances, {sum(not row['agrees'] for row in rows)} disagree", flush=True)
    report = vars(options) | {"out": str(options.out)} | summary(rows)
    save(report, options.out, "verify_dftsp")
    _print(report)
    sys.exit(1 if report["total"]["disagree"] else 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=2000)
    parser.add_argument("--largest", type=int, default=200, help="requests of the largest instances")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--milp-limit-s", type=float, default=60.0, help="if reached, the MILP's bounds are the reference"
    )
    parser.add_argument("--out", type=Path, default=Path("runs"))
    return parser.parse_args()


def instances(count: int, seed: int, largest: int) -> Iterator[Instance]:
    """Family by family, equal values first; the same for the same arguments."""
    for place, (part, draw) in enumerate(DRAWS.values()):
        for equal_values in (True, False):
            rng = np.random.default_rng([seed, place, equal_values])
            drawn = draw(rng=rng, largest=largest, equal_values=equal_values)
            yield from islice(drawn, round(count * part / 2))


def compare(instance: Instance, milp_limit_s: float) -> Row:
    """Results of both solvers on one instance, and whether they agree."""
    problem = instance.problem
    found, found_ms = timed(lambda: dftsp.solve(problem))
    enumerable = problem.request_count <= ENUMERABLE
    solve = reference.brute_force if enumerable else partial(milp_within, milp_limit_s)
    exact, exact_ms = timed(lambda: solve(problem))
    return {
        "family": instance.family,
        "values": "equal" if instance.equal_values else "unequal",
        "requests": problem.request_count,
        "feasible_alone": int(problem.feasible_alone().sum()),
        "reference": "brute force" if enumerable else "milp",
        "reference_proved": exact.optimal,
        "agrees": _sound(problem, found) and _agree(found, exact, problem.value.max(initial=0.0)),
        "value": found.value,
        "exact": exact.value,
        "nodes": found.nodes_visited,
        "found_ms": found_ms,
        "exact_ms": exact_ms,
    }


def _sound(problem: Any, found: BatchSolution) -> bool:
    """Whether the solution is feasible, has the reported value, and is proved optimal."""
    value = problem.objective(found.selected)
    return bool(problem.feasible(found.selected) and found.optimal and found.value == value == found.upper_bound)


def _agree(found: BatchSolution, exact: BatchSolution, unit: float) -> bool:
    """Whether the values are equal; within the bounds if the reference ran out of time."""
    tolerance = TOLERANCE * unit
    return exact.value - tolerance <= found.value <= exact.upper_bound + tolerance


def summary(rows: list[Row]) -> Row:
    """Counts and spreads, in all and by family and kind of values; and the rows that disagree."""
    groups = sorted({(row["family"], row["values"]) for row in rows})
    return {
        "total": _group(rows),
        "groups": {
            f"{family}, {values} values": _group([row for row in rows if (row["family"], row["values"]) == key])
            for key in groups
            for family, values in [key]
        },
        "disagreements": [row for row in rows if not row["agrees"]],
    }


def _group(rows: list[Row]) -> Row:
    sizes = np.array([row["requests"] for row in rows])
    return {
        "instances": len(rows),
        "disagree": sum(not row["agrees"] for row in rows),
        "by_brute_force": sum(row["reference"] == "brute force" for row in rows),
        "by_milp": sum(row["reference"] == "milp" for row in rows),
        "milp_limited": sum(not row["reference_proved"] for row in rows),
        "more_than_50_requests": int((sizes > 50).sum()),
        "more_than_100_requests": int((sizes > 100).sum()),
        "requests": spread(sizes),
        "feasible_alone": spread(row["feasible_alone"] for row in rows),
        "nodes": spread(row["nodes"] for row in rows),
        "found_ms": spread(row["found_ms"] for row in rows),
        "exact_ms": spread(row["exact_ms"] for row in rows),
    }


def _print(report: Row) -> None:
    for name, group in {**report["groups"], "total": report["total"]}.items():
        size, nodes, found_ms = group["requests"], group["nodes"], group["found_ms"]
        print(
            f"{name}: {group['instances']} instances, {group['disagree']} disagree; N {size['least']:g} to "
            f"{size['greatest']:g}, {group['more_than_100_requests']} above 100 (up to "
            f"{group['feasible_alone']['greatest']:g} feasible alone); checked by brute force "
            f"{group['by_brute_force']}, by MILP {group['by_milp']} ({group['milp_limited']} of them by its bounds); "
            f"nodes: median {nodes['median']:g}, p99 {nodes['p99']:g}; median {found_ms['median']:.2f} ms"
        )


if __name__ == "__main__":
    main()
