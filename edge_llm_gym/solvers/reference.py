"""Exact but slow references: enumeration of all subsets, and a mixed-integer program.

They follow the problem statement and share no code with the schedulers, so that each is a test of the other.
"""

import time
from functools import singledispatch
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from edge_llm_gym.numeric import time_limit
from edge_llm_gym.problems.arrays import Flags, Floats, Ints
from edge_llm_gym.problems.assignment import AssignmentProblem
from edge_llm_gym.problems.batch import BatchProblem
from edge_llm_gym.problems.feasibility import RELATIVE_TOLERANCE
from edge_llm_gym.solvers.c_output import without_c_output
from edge_llm_gym.solvers.solutions import AssignmentSolution, BatchSolution

MAX_REQUESTS_ONE_NODE = 20
MAX_REQUESTS_MANY_NODES = 10
LOADING_S_PER_ENTRY = 4e-7
"""Seconds that it takes to set up and presolve the program, for each of its entries."""
LOADING_FACTOR = 3.0
"""Least time limit of HiGHS, in multiples of that time."""
_OPTIMAL, _TIME_LIMIT = 0, 1  # statuses of scipy.optimize.milp


@singledispatch
def brute_force(problem: Any) -> Any:
    """The optimum by enumeration of all sets of requests, for a BatchProblem or an AssignmentProblem of few requests.

    Returns a BatchSolution or an AssignmentSolution. Raises ValueError for more requests than can be enumerated
    (MAX_REQUESTS_ONE_NODE, MAX_REQUESTS_MANY_NODES) and TypeError for anything but the two problems.
    """
    raise TypeError(_wrong_type(problem))


@brute_force.register
def _(problem: BatchProblem) -> BatchSolution:
    _check_size(problem.request_count, MAX_REQUESTS_ONE_NODE)
    values = _subset_values(problem)
    best = int(np.argmax(values))
    value = float(values[best])
    return BatchSolution(_members(best, problem.request_count), value, value, True, values.size)


@brute_force.register
def _(problem: AssignmentProblem) -> AssignmentSolution:
    n = problem.request_count
    _check_size(n, MAX_REQUESTS_MANY_NODES)
    tables = [_subset_values(node) for node in problem.nodes]
    total, choice = np.zeros(1 << n), []
    for table in tables:
        total, chosen = _best_split(table, total)
        choice.append(chosen)
    node, left = np.zeros(n, np.int64), (1 << n) - 1
    for k in range(problem.node_count, 0, -1):
        batch = int(choice[k - 1][left])
        node[_members(batch, n)] = k
        left &= ~batch
    value = float(total[-1])
    return AssignmentSolution(node, value, value, True, True, (1 << n) * problem.node_count)


def _check_size(n: int, limit: int) -> None:
    if n > limit:
        raise ValueError(
            f"brute force enumerates all 2^N sets and takes at most {limit} requests, got {n}; use milp instead"
        )


def _wrong_type(problem: Any) -> str:
    return f"problem must be a BatchProblem or an AssignmentProblem, got {type(problem).__name__}"


def _subset_values(problem: BatchProblem) -> Floats:
    """Objective [2^N] of every subset, -inf for an infeasible one; bit i of an index says whether request i is in."""
    time_s, value, kv, up, down = (np.zeros(1) for _ in range(5))
    shared_s, limit_s = np.zeros(1), np.full(1, problem.time_cap_s)
    for i in range(problem.request_count):
        time_s = np.append(time_s, time_s + problem.time_s[i])
        value = np.append(value, value + problem.value[i])
        kv = np.append(kv, kv + problem.kv_bytes[i])
        up = np.append(up, up + problem.uplink_share[i])
        down = np.append(down, down + problem.downlink_share[i])
        shared_s = np.append(shared_s, np.maximum(shared_s, problem.shared_time_s[i]))
        limit_s = np.append(limit_s, np.minimum(limit_s, problem.budget_s[i]))
    slack = 1.0 + RELATIVE_TOLERANCE
    feasible = (time_s + shared_s <= limit_s * slack) & (kv <= problem.memory_bytes * slack)
    total = value - problem.time_price * (time_s + shared_s)
    return np.where(feasible & (up <= slack) & (down <= slack), total, -np.inf)


def _members(subset: int, n: int) -> Flags:
    return (subset >> np.arange(n)) & 1 == 1


def _best_split(table: Floats, rest: Floats) -> tuple[Floats, Ints]:
    """Best value [2^N] of splitting each set between one node's ``table`` and the ``rest``, and that node's part."""
    subsets = np.arange(table.size)
    best, part = rest.copy(), np.zeros(table.size, np.int64)
    for subset in range(1, table.size):
        within = subsets[(subsets & subset) == subset]
        total = table[subset] + rest[within ^ subset]
        better = total > best[within]
        best[within[better]], part[within[better]] = total[better], subset
    return best, part


@singledispatch
def milp(problem: Any, time_limit_s: float | None = None) -> Any:
    """The optimum by mixed-integer programming (HiGHS through scipy), for a BatchProblem or an AssignmentProblem.

    Returns a BatchSolution or an AssignmentSolution; ``optimal`` is False and ``upper_bound`` what is proved if
    ``time_limit_s`` ends the search early. If HiGHS finds nothing in time, the batches are empty and the bound is at
    most the sum of the requests' values. HiGHS cannot be interrupted while it loads and presolves a program; it is not
    started where the limit is shorter than a few times what that takes for the K N^2 entries of the program.

    Raises ImportError where scipy is missing, TypeError for anything but the two problems, ValueError for a limit that
    is not a number of zero or more, and RuntimeError when HiGHS fails.
    """
    raise TypeError(_wrong_type(problem))


@milp.register
def _(problem: BatchProblem, time_limit_s: float | None = None) -> BatchSolution:
    taken, bound, optimal, nodes = _solve((problem,), time_limit_s)
    value = problem.objective(taken[0])
    return BatchSolution(taken[0], value, max(bound, value), optimal, nodes)


@milp.register
def _(problem: AssignmentProblem, time_limit_s: float | None = None) -> AssignmentSolution:
    taken, bound, optimal, nodes = _solve(problem.nodes, time_limit_s)
    node = np.zeros(problem.request_count, np.int64)
    for k, selected in enumerate(taken, start=1):
        node[selected] = k
    value = problem.objective(node)
    return AssignmentSolution(node, value, max(bound, value), optimal, optimal, nodes)


class _Answer(NamedTuple):
    """What HiGHS has found and proved."""

    taken: Flags  # [K, N]
    upper_bound: float
    optimal: bool
    nodes: int


def _solve(nodes: tuple[BatchProblem, ...], time_limit_s: float | None) -> _Answer:
    """Selected requests of each node, the upper bound, whether it is met, and the nodes of the branch-and-bound tree.

    HiGHS satisfies rows only to about 1e-6; a batch that violates a limit by less is excluded by a cut (no superset of
    it is feasible), and the program is solved again.
    """
    optimize, sparse = _scipy()
    limit_s = time_limit("time_limit_s", time_limit_s)
    deadline_s = time.perf_counter() + limit_s
    answer = _nothing(nodes)
    if limit_s < LOADING_FACTOR * LOADING_S_PER_ENTRY * len(nodes) * nodes[0].request_count ** 2:
        return answer
    program = _Program(nodes, optimize, sparse)
    while (left_s := deadline_s - time.perf_counter()) > 0:
        result = program.solve(left_s)
        optimal = result.status == _OPTIMAL
        bound = _proved_bound(result, program.unit)
        if result.x is None or not optimal:
            answer = answer._replace(upper_bound=min(answer.upper_bound, bound))
        if result.x is None:
            return answer
        taken = program.taken(result.x)
        broken = [k for k, node in enumerate(nodes) if not node.feasible(taken[k])]
        if not broken:
            return _Answer(taken, min(bound, answer.upper_bound), optimal, int(result.mip_node_count or 0))
        program.exclude(taken, broken)
    return answer


def _nothing(nodes: tuple[BatchProblem, ...]) -> _Answer:
    """Empty batches, and the total value if every request were served where it is worth most."""
    worth = [np.where(node.feasible_alone(), np.maximum(node.net_value, 0.0), 0.0) for node in nodes]
    bound = float(np.max(worth, axis=0).sum())
    return _Answer(np.zeros((len(nodes), nodes[0].request_count), np.bool_), bound, bound == 0.0, 0)


def _proved_bound(result: Any, unit: float) -> float:
    """Upper bound of one run of HiGHS, infinite if it has proved none."""
    if result.status == _OPTIMAL:
        return -unit * float(result.fun)
    if result.status != _TIME_LIMIT:
        raise RuntimeError(f"HiGHS found no batch and did not run out of time: {result.message}")
    bound = result.mip_dual_bound
    return np.inf if bound is None or not np.isfinite(bound) else -unit * float(bound)


class _Program:
    """The mixed-integer program. Its columns are, node by node, x_1 .. x_N and the longest shared time m.

    Times and values far from 1 are in units of the greatest one: HiGHS takes large numbers as infinite.
    """

    def __init__(self, nodes: tuple[BatchProblem, ...], optimize: ModuleType, sparse: ModuleType) -> None:
        self._optimize, self._sparse, self._count = optimize, sparse, len(nodes)
        n, self._width = nodes[0].request_count, nodes[0].request_count + 1
        unit_s = _unit(max(_latest_s(node) for node in nodes))
        blocks = [_rows(node, unit_s, sparse) for node in nodes]
        matrix = sparse.block_diag([rows for rows, _ in blocks], format="csr")
        once = sparse.hstack([sparse.eye(n, self._width)] * len(nodes), format="csr")
        self._matrix = sparse.vstack([matrix, once], format="csr")
        self._limit = np.concatenate([*(limits for _, limits in blocks), np.ones(n)])
        self._highest = np.concatenate([_highest(node, unit_s) for node in nodes])
        worth = [np.where(node.feasible_alone(), node.net_value, 0.0) for node in nodes]
        self.unit = _unit(float(np.max(worth, initial=0.0)))
        # A request of negative net value is in no best batch, whatever it costs.
        price = [node.time_price * unit_s / self.unit for node in nodes]
        columns = zip(worth, price, strict=True)
        self._value = np.concatenate([np.append(np.maximum(own / self.unit, -1.0), -cost) for own, cost in columns])
        self._whole = np.tile(np.append(np.ones(n), 0.0), len(nodes))

    def solve(self, time_limit_s: float) -> Any:
        """The result of HiGHS."""
        with without_c_output():
            return self._optimize.milp(
                -self._value,
                integrality=self._whole,
                bounds=self._optimize.Bounds(0.0, self._highest),
                constraints=self._optimize.LinearConstraint(self._matrix, -np.inf, self._limit),
                options={"mip_rel_gap": 0.0} | ({} if time_limit_s == np.inf else {"time_limit": time_limit_s}),
            )

    def taken(self, columns: Floats) -> Flags:
        """The selected requests [K, N]."""
        taken: Flags = columns.reshape(self._count, self._width)[:, :-1] > 0.5
        return taken

    def exclude(self, taken: Flags, broken: list[int]) -> None:
        """Add a cut against the batch of each of the ``broken`` nodes."""
        for k in broken:
            cover = np.zeros((self._count, self._width))
            cover[k, :-1] = taken[k]
            self._matrix = self._sparse.vstack([self._matrix, self._sparse.csr_matrix(cover.reshape(1, -1))], "csr")
            self._limit = np.append(self._limit, taken[k].sum() - 1.0)


def _unit(greatest: float) -> float:
    """1 for a greatest number of ordinary size, else that number."""
    return greatest if greatest > 0.0 and not 1e-3 <= greatest <= 1e6 else 1.0


def _latest_s(node: BatchProblem) -> float:
    return float(np.minimum(node.budget_s, node.time_cap_s)[node.feasible_alone()].max(initial=0.0))


def _rows(node: BatchProblem, unit_s: float, sparse: ModuleType) -> tuple[Any, Floats]:
    """Left-hand sides [R, N + 1] over x_1 .. x_N, m of one node's constraints, and the right-hand sides [R].

    Times are in multiples of ``unit_s``.

    Budgets: sum of w x + m <= D_i must hold only if x_i = 1, hence  sum of w x + m + (M - D_i) x_i <= M  with the
    latest budget M. Shared times: v_i x_i <= m.
    """
    n, alone = node.request_count, node.feasible_alone()
    budget_s = np.minimum(node.budget_s, node.time_cap_s) / unit_s
    latest_s = _latest_s(node) / unit_s
    batch_s = np.append(np.where(alone, node.time_s / unit_s, 0.0), 1.0)
    deadlines = np.tile(batch_s, (n, 1)) + np.eye(n, n + 1) * (latest_s - budget_s)[:, None]
    longest = np.eye(n, n + 1) * (node.shared_time_s / unit_s)[:, None]
    longest[:, n] = -1.0
    loads = [node.kv_bytes / max(node.memory_bytes, 1e-300), node.uplink_share, node.downlink_share]
    shares = np.array([np.append(np.where(alone, load, 0.0), 0.0) for load in loads])
    rows = np.concatenate([deadlines[alone], longest[alone], shares])
    limits = np.concatenate([np.full(alone.sum(), latest_s), np.zeros(alone.sum()), np.ones(3)])
    return sparse.csr_matrix(rows), limits


def _highest(node: BatchProblem, unit_s: float) -> Floats:
    """Upper limits of x_1 .. x_N, m."""
    alone = node.feasible_alone()
    return np.append(alone, node.shared_time_s[alone].max(initial=0.0) / unit_s)


def _scipy() -> tuple[ModuleType, ModuleType]:
    try:
        from scipy import optimize, sparse
    except ImportError as error:
        raise ImportError("the reference MILP needs scipy: pip install 'edge-llm-gym[solvers]'") from error
    return optimize, sparse
