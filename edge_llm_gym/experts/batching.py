"""The baselines and exact schedulers as functions of an epoch: who joins which node's batch.

Unless said otherwise a baseline goes through the shown requests in its order and puts each one on a node where it
keeps the batch feasible (time, memory and bandwidth of everyone already in it), chosen by a node rule of
`edge_llm_gym.solvers.baselines`; a request that fits nowhere waits.
"""

from dataclasses import dataclass, field

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.decoding.batching import Epoch
from edge_llm_gym.problems import AssignmentProblem, BatchProblem
from edge_llm_gym.solvers import baselines, dftsp


def arrival_order(epoch: Epoch) -> Array:
    """Longest waited first."""
    return np.argsort(-epoch.waited_s, kind="stable")


def deadline_order(epoch: Epoch) -> Array:
    """Least time left first."""
    return np.argsort(epoch.left_s, kind="stable")


def size_order(epoch: Epoch) -> Array:
    """Shortest first, by its time alone on its fastest node."""
    alone_s = [problem.time_s + problem.shared_time_s for problem in epoch.problem.nodes]
    return np.argsort(np.min(alone_s, axis=0), kind="stable")


ORDERS = {"arrival": arrival_order, "deadline": deadline_order, "size": size_order}


@dataclass
class UniformlyRandom:
    """Each request waits or joins any node with equal probability, feasible or not."""

    rng: np.random.Generator

    def __call__(self, epoch: Epoch) -> Array:
        """Assignment [n]."""
        return self.rng.integers(epoch.problem.node_count + 1, size=epoch.problem.request_count)


@dataclass(frozen=True)
class ListScheduler:
    """Feasible insertion in a fixed order; `limit` caps the size of every node's batch."""

    order: str
    node_rule: str = "earliest-finish"
    limit: int | None = None

    def __call__(self, epoch: Epoch) -> Array:
        """Assignment [n]."""
        order = ORDERS[self.order](epoch)
        return baselines.assign_first_fit(epoch.problem, order, self.node_rule, limit=self.limit)


@dataclass(frozen=True)
class StaticBatch:
    """StB: an idle node takes the `batch_size` oldest requests that radio and memory let it take.

    Static batching fixes the size of a batch, not its end: nobody checks the budgets of those in it, save that a
    request which would be late alone is left out. A busy node waits. Nodes fill up one after the other, in the
    scenario's order.
    """

    batch_size: int = 8
    idle_s: float = field(default=1e-6, repr=False)

    def __call__(self, epoch: Epoch) -> Array:
        """Assignment [n]."""
        node = np.zeros(epoch.problem.request_count, np.int64)
        order = arrival_order(epoch)
        for index, problem in enumerate(epoch.problem.nodes):
            if epoch.busy_s[index] <= self.idle_s:
                waiting = order[node[order] == 0]
                node[baselines.first_fit(_without_deadlines(problem), waiting, limit=self.batch_size)] = index + 1
        return node


def _without_deadlines(problem: BatchProblem) -> BatchProblem:
    """The same problem without time limits for the requests that would be in time alone, and without the others."""
    alone_s = problem.time_s + problem.shared_time_s
    in_time = alone_s <= problem.budget_s
    unlimited_s = float(alone_s.sum()) + 1.0
    return problem.replace(
        uplink_share=np.where(in_time, problem.uplink_share, np.inf),
        budget_s=np.full(problem.request_count, unlimited_s),
        time_cap_s=unlimited_s,
    )


@dataclass(frozen=True)
class NodeByNode:
    """DFTSP: every node in turn solves its own problem exactly over the requests that are left."""

    node_limit: int

    def __call__(self, epoch: Epoch) -> Array:
        """Assignment [n]."""
        node = np.zeros(epoch.problem.request_count, np.int64)
        for index, problem in enumerate(epoch.problem.nodes):
            left = node == 0
            best = dftsp.solve(problem.subset(left), node_limit=self.node_limit, urgency=epoch.urgent[left])
            node[np.flatnonzero(left)[best.selected]] = index + 1
        return node


@dataclass(frozen=True)
class ResidualProfits:
    """OT-GAH: all nodes together, at least half of the optimum's value."""

    node_limit: int
    improve: bool

    def __call__(self, epoch: Epoch) -> Array:
        """Assignment [n]."""
        from edge_llm_gym.solvers import ot_gah

        return ot_gah.solve(epoch.problem, improve=self.improve, node_limit=self.node_limit).node


@dataclass(frozen=True)
class Reference:
    """An exact reference solver on the whole assignment problem; slow."""

    method: str
    time_limit_s: float | None = None

    def __call__(self, epoch: Epoch) -> Array:
        """Assignment [n]."""
        from edge_llm_gym.solvers import reference

        problem: AssignmentProblem = epoch.problem
        if self.method == "brute-force":
            return reference.brute_force(problem).node
        return reference.milp(problem, time_limit_s=self.time_limit_s).node
