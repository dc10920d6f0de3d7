"""Batch schedulers, baselines and exact ones: functions from an epoch problem to an assignment of requests to nodes.

Unless stated otherwise, a baseline inserts the visible requests greedily: in its order, each on a node whose batch
stays feasible (time, memory and bandwidth), chosen by a node rule of `edge_llm_gym.solvers.baselines`. A request that
fits on no node waits.
"""

from dataclasses import dataclass, field

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.decoding.batching import EpochProblem
from edge_llm_gym.problems import AssignmentProblem, BatchProblem
from edge_llm_gym.solvers import baselines, dftsp


def arrival_order(epoch: EpochProblem) -> Array:
    """Requests by arrival time, the oldest first."""
    return np.argsort(-epoch.waiting_s, kind="stable")


def deadline_order(epoch: EpochProblem) -> Array:
    """Requests by deadline, the earliest first."""
    return np.argsort(epoch.time_left_s, kind="stable")


def size_order(epoch: EpochProblem) -> Array:
    """Requests by service time alone on the fastest node, the shortest first."""
    alone_s = [problem.time_s + problem.shared_time_s for problem in epoch.problem.nodes]
    return np.argsort(np.min(alone_s, axis=0), kind="stable")


ORDERS = {"arrival": arrival_order, "deadline": deadline_order, "size": size_order}
"""Name -> order of insertion [n]."""


@dataclass
class UniformlyRandom:
    """Each request waits or is assigned to any node with equal probability, feasible or not."""

    rng: np.random.Generator

    def __call__(self, epoch: EpochProblem) -> Array:
        """Assignment [n]."""
        return self.rng.integers(epoch.problem.node_count + 1, size=epoch.problem.request_count)


@dataclass(frozen=True)
class ListScheduler:
    """Greedy feasible insertion in a fixed order; `limit` bounds the size of every batch."""

    order: str
    node_rule: str = "earliest-finish"
    limit: int | None = None

    def __call__(self, epoch: EpochProblem) -> Array:
        """Assignment [n]."""
        order = ORDERS[self.order](epoch)
        return baselines.assign_first_fit(epoch.problem, order, self.node_rule, limit=self.limit)


@dataclass(frozen=True)
class StaticBatch:
    """Static batching (StB): an idle node takes the `batch_size` oldest requests that fit its bands and memory.

    Static batching fixes the size of a batch, not its end: latency budgets are not checked, except that a request which
    would be late alone is left out. A busy node takes no requests. Nodes are filled one after the other, in the
    scenario's order.
    """

    batch_size: int = 8
    idle_s: float = field(default=1e-6, repr=False)

    def __call__(self, epoch: EpochProblem) -> Array:
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
    """DFTSP on each node in turn: the exact optimum of the node's problem over the requests not assigned yet."""

    node_limit: int

    def __call__(self, epoch: EpochProblem) -> Array:
        """Assignment [n]."""
        node = np.zeros(epoch.problem.request_count, np.int64)
        for index, problem in enumerate(epoch.problem.nodes):
            left = node == 0
            best = dftsp.solve(problem.subset(left), node_limit=self.node_limit, urgency=epoch.urgent[left])
            node[np.flatnonzero(left)[best.selected]] = index + 1
        return node


@dataclass(frozen=True)
class ResidualProfits:
    """OT-GAH over all nodes: at least half of the optimal value."""

    node_limit: int
    improve: bool

    def __call__(self, epoch: EpochProblem) -> Array:
        """Assignment [n]."""
        from edge_llm_gym.solvers import ot_gah

        return ot_gah.solve(epoch.problem, improve=self.improve, node_limit=self.node_limit).node


@dataclass(frozen=True)
class Reference:
    """An exact reference solver for the whole assignment problem; slow."""

    method: str
    time_limit_s: float | None = None

    def __call__(self, epoch: EpochProblem) -> Array:
        """Assignment [n]."""
        from edge_llm_gym.solvers import reference

        problem: AssignmentProblem = epoch.problem
        if self.method == "brute-force":
            return reference.brute_force(problem).node
        return reference.milp(problem, time_limit_s=self.time_limit_s).node
