"""How well the batch solvers keep their time limits: python -m benchmarks.limits

Prints one line per solver, number of requests and limit: seconds taken, value, upper bound. Values are close to the
memory that a request uses, which leaves all decisions open: only the smallest problems are solved within the limits.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.reports import timed
from edge_llm_gym.problems import AssignmentProblem, BatchProblem
from edge_llm_gym.problems.random_instances import conflicting, heterogeneous_nodes
from edge_llm_gym.solvers import dftsp, ot_gah, reference

SIZES = (100, 1000, 3000, 10000)
LIMITS_S = (0.01, 0.1, 0.5, 2.0)
NODES = 4
UNLIMITED = 10**12
"""Search nodes, so that time is the only limit."""


def hard(rng: np.random.Generator, problem: BatchProblem) -> BatchProblem:
    """The same problem with values that are nearly proportional to the memory."""
    return problem.replace(value=problem.kv_bytes + 1e-3 * rng.random(problem.request_count))


def one_node(n: int) -> BatchProblem:
    """A hard problem of one node."""
    rng = np.random.default_rng(n)
    return hard(rng, conflicting(rng, n, equal_values=False))


def several_nodes(n: int) -> AssignmentProblem:
    """A hard problem of several nodes."""
    rng = np.random.default_rng(n)
    base = heterogeneous_nodes(rng, n, NODES, family="conflicting", equal_values=False)
    return AssignmentProblem(tuple(hard(rng, node) for node in base.nodes))


SOLVERS: dict[str, tuple[Callable[[int], Any], Callable[..., Any]]] = {
    "DFTSP": (one_node, partial(dftsp.solve, node_limit=UNLIMITED)),
    "OT-GAH, improved": (several_nodes, partial(ot_gah.solve, node_limit=UNLIMITED, improve=True)),
    "MILP": (one_node, reference.milp),
}
"""Name -> problems, and solver."""


def main() -> None:
    """Measures every solver at every size and limit."""
    for name, (make, solve) in SOLVERS.items():
        for n, limit_s in ((20, 60.0), (600, 0.0)):  # loads the compiled search, and what follows an early end
            solve(make(n), time_limit_s=limit_s)
        for n in SIZES:
            problem = make(n)
            for limit_s in LIMITS_S:
                found, took_ms = timed(partial(solve, problem, time_limit_s=limit_s))
                print(
                    f"{name}, N = {n}, limit {limit_s:g} s: {took_ms / 1e3:.3f} s, value {found.value:.6g}, bound "
                    f"{found.upper_bound:.6g}, optimal {found.optimal}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
