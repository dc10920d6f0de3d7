"""Batch schedulers, baselines and exact ones: functions from the epoch problems of many rows to assignments.

Unless stated otherwise, a baseline inserts the visible requests greedily: in its order, each on a node whose batch
stays feasible (time, memory and bandwidth), chosen by a node rule of `edge_llm_gym.solvers.baselines`. A request that
fits on no node waits.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.decoding.epoch_rows import EpochProblem, EpochRows
from edge_llm_gym.problems import AssignmentProblem
from edge_llm_gym.problems.rows import AssignmentRows
from edge_llm_gym.solvers import baselines, dftsp


def arrival_order(epochs: EpochRows) -> Array:
    """Slots by arrival time, the oldest request first."""
    return epochs.slots_by(-epochs.waiting_s)


def deadline_order(epochs: EpochRows) -> Array:
    """Slots by deadline, the earliest first."""
    return epochs.slots_by(epochs.time_left_s)


def size_order(epochs: EpochRows) -> Array:
    """Slots by service time alone on the fastest node, the shortest first."""
    return epochs.slots_by((epochs.problem.time_s + epochs.problem.shared_time_s).min(axis=2))


ORDERS = {"arrival": arrival_order, "deadline": deadline_order, "size": size_order}
"""Name -> order of insertion [R, N] of slots, -1 after the last request."""


@dataclass
class UniformlyRandom:
    """Each request waits or is assigned to any node with equal probability, feasible or not."""

    rng: np.random.Generator

    def __call__(self, epochs: EpochRows) -> Array:
        """Assignments [R, N]."""
        visible, nodes = epochs.problem.visible, epochs.problem.time_s.shape[2]
        node = np.zeros(visible.shape, np.int64)
        node[visible] = self.rng.integers(nodes + 1, size=int(visible.sum()))
        return node


@dataclass(frozen=True)
class ListScheduler:
    """Greedy feasible insertion in a fixed order; `limit` bounds the size of every batch."""

    order: str
    node_rule: str = "earliest-finish"
    limit: int | None = None

    def __call__(self, epochs: EpochRows) -> Array:
        """Assignments [R, N]."""
        order = ORDERS[self.order](epochs)
        return baselines.first_fit_rows(epochs.problem, order, self.node_rule, limit=self.limit)


@dataclass(frozen=True)
class StaticBatch:
    """Static batching (StB): an idle node takes the `batch_size` oldest requests that fit its bands and memory.

    Static batching fixes the size of a batch, not its end: latency budgets are not checked, except that a request which
    would be late alone is left out. A busy node takes no requests. Nodes are filled one after the other, in the
    scenario's order.
    """

    batch_size: int = 8
    idle_s: float = field(default=1e-6, repr=False)

    def __call__(self, epochs: EpochRows) -> Array:
        """Assignments [R, N]."""
        node = np.zeros(epochs.problem.visible.shape, np.int64)
        order = arrival_order(epochs)
        for index in range(epochs.problem.time_s.shape[2]):
            problem = _without_deadlines(epochs.problem, index)
            waiting = np.take_along_axis(node, np.maximum(order, 0), axis=1) == 0
            idle = epochs.busy_s[:, index, None] <= self.idle_s
            chosen = baselines.first_fit_rows(problem, _those(order, waiting & idle), limit=self.batch_size)
            node[chosen == 1] = index + 1
        return node


def _those(order: Array, wanted: Array) -> Array:
    """The slots of `order` [R, N] that are `wanted` [R, N] bool and not -1, in their order, then -1."""
    kept = wanted & (order >= 0)
    front = np.argsort(~kept, axis=1, kind="stable")
    return np.take_along_axis(np.where(kept, order, -1), front, axis=1)


def _without_deadlines(rows: AssignmentRows, node: int) -> AssignmentRows:
    """The problems of one node without time limits for the requests that would be in time alone, and without the
    others."""
    one = AssignmentRows(rows.visible, *(array[..., node : node + 1] for array in rows[1:]))
    alone_s = one.time_s + one.shared_time_s
    in_time = alone_s <= one.budget_s
    unlimited_s = np.where(rows.visible[..., None], alone_s, 0.0).sum(axis=1) + 1.0
    return one._replace(
        uplink_share=np.where(in_time, one.uplink_share, np.inf),
        budget_s=np.broadcast_to(unlimited_s[:, None], alone_s.shape),
        time_cap_s=unlimited_s,
    )


@dataclass(frozen=True)
class NodeByNode:
    """DFTSP on each node in turn: the exact optimum of the node's problem over the requests not assigned yet."""

    node_limit: int

    def __call__(self, epochs: EpochRows) -> Array:
        """Assignments [R, N]."""
        return dftsp.solve_node_by_node(epochs.problem, epochs.urgent, node_limit=self.node_limit)


@dataclass(frozen=True)
class ResidualProfits:
    """OT-GAH over all nodes: at least half of the optimal value."""

    node_limit: int
    improve: bool

    def __call__(self, epochs: EpochRows) -> Array:
        """Assignments [R, N]."""
        from edge_llm_gym.solvers import ot_gah

        return ot_gah.solve_rows(epochs.problem, improve=self.improve, node_limit=self.node_limit)


@dataclass(frozen=True)
class RowByRow:
    """A scheduler of one epoch, a function of an `EpochProblem` to the nodes [n] of its requests, in each row."""

    schedule: Callable[[EpochProblem], Array]

    def __call__(self, epochs: EpochRows) -> Array:
        """Assignments [R, N]."""
        node = np.zeros(epochs.problem.visible.shape, np.int64)
        for row, visible in enumerate(epochs.problem.visible):
            node[row, visible] = self.schedule(epochs.epoch(row))
        return node


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
