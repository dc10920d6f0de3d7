"""Measure the ratio of OT-GAH to the optimum on random instances with 2 to 8 nodes, against the exact MILP.

Run ``python -m benchmarks.verify_ot_gah --instances 500 --seed 0``: prints a report and writes runs/verify_ot_gah.json.
The exit status is 1 if an assignment is infeasible, has less than half of the optimal value, or is worse with the
improvement. Half of the instances have conflicting constraints, 26 % are random but similar to the environments, 24 %
are epochs of MultiNode episodes (four nodes); half of each have equal values. Unequal values also differ between the
nodes, except in the episodes, where the value of a request is the same on all nodes.
"""

import argparse
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.instances import ENVIRONMENTS, met_in, sizes
from benchmarks.reports import Row, save, spread, timed
from edge_llm_gym.problems import AssignmentProblem
from edge_llm_gym.problems.random_instances import heterogeneous_nodes
from edge_llm_gym.solvers import ot_gah, reference
from edge_llm_gym.solvers.solutions import AssignmentSolution

GUARANTEE = 0.5
TOLERANCE = 1e-6
MOST_NODES = 8
MANY = 10  # instances with at least this many requests are also reported separately: small ones are often trivial
LARGE = (200, 8)  # requests and nodes of the instances that are timed


class Instance(NamedTuple):
    """A problem and where it comes from."""

    family: str
    problem: AssignmentProblem


def main() -> None:
    options = _options()
    _warm_up()
    rows = []
    for number, instance in enumerate(instances(options.instances, options.seed, options.largest), start=1):
        rows.append(compare(instance, options.milp_limit_s))
        if number % 50 == 0:
            print(f"{number} instances, {sum(not row['valid'] for row in rows)} violate the guarantee", flush=True)
    report = vars(options) | {"out": str(options.out)} | summary(rows) | {"large": time_large(options.seed)}
    save(report, options.out, "verify_ot_gah")
    _print(report)
    sys.exit(1 if report["total"]["violations"] else 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=500)
    parser.add_argument("--largest", type=int, default=40, help="requests of the largest instances")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--milp-limit-s", type=float, default=20.0, help="if reached, its upper bound replaces the optimum"
    )
    parser.add_argument("--out", type=Path, default=Path("runs"))
    return parser.parse_args()


def _warm_up() -> None:
    ot_gah.solve(heterogeneous_nodes(np.random.default_rng(0), 5, 2), improve=True)


def instances(count: int, seed: int, largest: int) -> Iterator[Instance]:
    """Family by family; the same for the same arguments."""
    for place, (family, part) in enumerate((("conflicting", 0.5), ("environment", 0.26))):
        for equal_values in (True, False):
            rng = np.random.default_rng([seed, place, equal_values])
            yield from islice(_from_random(rng, family, largest, equal_values), round(count * part / 2))
    for equal_values in (True, False):
        rng = np.random.default_rng([seed, 2, equal_values])
        met = met_in(rng, ENVIRONMENTS[1:], sizes(rng, largest), equal_values)
        yield from (Instance("MultiNode", problem) for problem in islice(met, round(count * 0.12)))


def _from_random(rng: np.random.Generator, family: str, largest: int, equal_values: bool) -> Iterator[Instance]:
    for n in sizes(rng, largest):
        problem = _scarce(rng, heterogeneous_nodes(rng, n, int(rng.integers(2, MOST_NODES + 1)), family=family))
        yield Instance(family, problem if equal_values else _with_node_values(rng, problem))


def _scarce(rng: np.random.Generator, problem: AssignmentProblem) -> AssignmentProblem:
    """The same problem with less memory and bandwidth, so that all nodes together cannot serve all requests."""
    part = rng.uniform(0.5 / problem.node_count, 1.0)
    return problem.replace(
        memory_bytes=[node.memory_bytes * part for node in problem.nodes],
        uplink_share=[node.uplink_share / part for node in problem.nodes],
        downlink_share=[node.downlink_share / part for node in problem.nodes],
    )


def _with_node_values(rng: np.random.Generator, problem: AssignmentProblem) -> AssignmentProblem:
    """The same problem with values of a request that differ between the nodes."""
    count = problem.request_count
    return problem.replace(value=[node.value * rng.uniform(0.2, 1.0, count) for node in problem.nodes])


def compare(instance: Instance, milp_limit_s: float) -> Row:
    """Ratios to the optimum with and without the improvement, and whether all guarantees hold."""
    problem = instance.problem
    plain, plain_ms = timed(lambda: ot_gah.solve(problem))
    improved, improved_ms = timed(lambda: ot_gah.solve(problem, improve=True))
    exact, exact_ms = timed(lambda: reference.milp(problem, time_limit_s=milp_limit_s))
    sound = all(_sound(problem, found, exact) for found in (plain, improved))
    return {
        "family": instance.family,
        "requests": problem.request_count,
        "nodes": problem.node_count,
        "reference_proved": exact.optimal,
        "valid": sound and improved.value >= plain.value,
        "ratio": plain.value / exact.upper_bound if exact.upper_bound else 1.0,
        "improved_ratio": improved.value / exact.upper_bound if exact.upper_bound else 1.0,
        "proved": improved.optimal,
        "plain_ms": plain_ms,
        "improved_ms": improved_ms,
        "exact_ms": exact_ms,
    }


def _sound(problem: AssignmentProblem, found: AssignmentSolution, exact: AssignmentSolution) -> bool:
    """Whether the assignment is feasible, has at least half of the optimal value, and a valid upper bound.

    If the MILP ran out of time, half of its upper bound is required, which is stricter.
    """
    unit = TOLERANCE * max(node.value.max(initial=0.0) for node in problem.nodes)
    within = GUARANTEE * exact.upper_bound - unit <= found.value <= exact.upper_bound + unit
    return bool(problem.feasible(found.node) and within and exact.value <= found.upper_bound + unit)


def time_large(seed: int, repeats: int = 20) -> Row:
    """Milliseconds at the largest size, by family, without and with the improvement."""
    requests, node_count = LARGE
    report: Row = {"requests": requests, "nodes": node_count, "instances": repeats}
    for family in ("environment", "conflicting"):
        problems = [
            heterogeneous_nodes(
                np.random.default_rng([seed, 3, turn]), requests, node_count, family=family, equal_values=equal
            )
            for turn in range(repeats)
            for equal in [turn % 2 == 0]
        ]
        for name, improve in (("plain", False), ("improved", True)):
            solved = [timed(lambda p=problem, i=improve: ot_gah.solve(p, improve=i)) for problem in problems]
            report[f"{family}, {name}, ms"] = spread(spent_ms for _, spent_ms in solved)
            report[f"{family}, {name}, gap"] = spread(1.0 - found.value / found.upper_bound for found, _ in solved)
    return report


def summary(rows: list[Row]) -> Row:
    """Counts and spreads in total and by family, and the rows that violate a guarantee."""
    families = sorted({row["family"] for row in rows})
    return {
        "total": _group(rows),
        "families": {family: _group([row for row in rows if row["family"] == family]) for family in families},
        "many_requests": _group([row for row in rows if row["requests"] >= MANY]),
        "violations": [row for row in rows if not row["valid"]],
    }


def _group(rows: list[Row]) -> Row:
    return {
        "instances": len(rows),
        "violations": sum(not row["valid"] for row in rows),
        "milp_limited": sum(not row["reference_proved"] for row in rows),
        "optimal": _optimal(rows, "ratio"),
        "improved_optimal": _optimal(rows, "improved_ratio"),
        "improved_proved": sum(row["proved"] for row in rows),
    } | {
        name: spread(row[name] for row in rows)
        for name in ("requests", "nodes", "ratio", "improved_ratio", "plain_ms", "improved_ms", "exact_ms")
    }


def _optimal(rows: list[Row], ratio: str) -> int:
    return sum(row[ratio] >= 1.0 - TOLERANCE for row in rows)


def _print(report: Row) -> None:
    groups = {**report["families"], f"N of {MANY} or more": report["many_requests"], "total": report["total"]}
    for name, group in groups.items():
        ratio, improved = group["ratio"], group["improved_ratio"]
        print(
            f"{name}: {group['instances']} instances, {group['violations']} violations, "
            f"{group['milp_limited']} compared with the MILP's bound\n"
            f"  plain: ratio at least {ratio['least']:.3f}, mean {ratio['mean']:.4f}, optimal in {group['optimal']}\n"
            f"  improved: ratio at least {improved['least']:.3f}, mean {improved['mean']:.4f}, optimal in "
            f"{group['improved_optimal']}, proved so in {group['improved_proved']}"
        )
    large = report["large"]
    for name in (name for name in large if name.endswith("ms")):
        gap = large[name.replace(", ms", ", gap")]
        print(
            f"N = {large['requests']}, K = {large['nodes']}, {name.removesuffix(', ms')}: median "
            f"{large[name]['median']:.2f} ms, at most {large[name]['greatest']:.2f} ms; certified gap at most "
            f"{gap['greatest']:.1%}, mean {gap['mean']:.1%}"
        )


if __name__ == "__main__":
    main()
