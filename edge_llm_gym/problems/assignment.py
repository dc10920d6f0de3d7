"""The multi-node problem: which node, if any, serves each request?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from edge_llm_gym.problems.arrays import Flags, Ints
from edge_llm_gym.problems.batch import BatchProblem


@dataclass(frozen=True, eq=False)
class AssignmentProblem:
    """Assign N requests to K nodes, each request to at most one node, for the greatest sum of the nodes' objectives.

    Args:
        nodes: K batch problems over the same N requests, in the same order. Costs and values of a request may differ
            between the nodes.

    An assignment is an integer array [N]: 0 for a request that is left out, k for the k-th node, counted from 1. Raises
    ValueError for no nodes or nodes of unequal N, TypeError for a node that is not a BatchProblem.
    """

    nodes: tuple[BatchProblem, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "nodes", tuple(self.nodes))
        _check_nodes(self.nodes)

    @property
    def request_count(self) -> int:
        """Number N of requests to assign."""
        return self.nodes[0].request_count

    @property
    def node_count(self) -> int:
        """Number K of nodes."""
        return len(self.nodes)

    def selected(self, node: ArrayLike) -> tuple[Flags, ...]:
        """For each node, the requests [N] bool that the assignment ``node`` [N] gives it."""
        assignment = self._assignment(node)
        return tuple(assignment == k for k in range(1, self.node_count + 1))

    def violations(self, node: ArrayLike) -> dict[int, dict[str, float]]:
        """For each node (from 1) with an infeasible batch, its violated constraints and the excess."""
        violated = enumerate(map(BatchProblem.violations, self.nodes, self.selected(node)), start=1)
        return {k: violations for k, violations in violated if violations}

    def feasible(self, node: ArrayLike) -> bool:
        """Whether the assignment ``node`` [N] gives every node a feasible batch."""
        return not self.violations(node)

    def objective(self, node: ArrayLike) -> float:
        """Sum of the objectives of the nodes' batches under the assignment ``node`` [N], feasible or not."""
        return float(sum(map(BatchProblem.objective, self.nodes, self.selected(node))))

    def subset(self, requests: ArrayLike) -> Self:
        """The problem over some of its requests, given by a mask [N] bool or by integer indices, in their order."""
        return type(self)(tuple(node.subset(requests) for node in self.nodes))

    def replace(self, **changes: Sequence[Any]) -> Self:
        """A copy in which fields of the nodes are replaced; each field is a sequence of K entries, one per node.

        Raises ValueError for a sequence of another length, else as the constructor of BatchProblem does.
        """
        for name, entries in changes.items():
            if len(entries) != self.node_count:
                raise ValueError(f"{name} must have one entry for each of {self.node_count} nodes, got {len(entries)}")
        per_node = ({name: entries[k] for name, entries in changes.items()} for k in range(self.node_count))
        return type(self)(tuple(node.replace(**fields) for node, fields in zip(self.nodes, per_node, strict=True)))

    def _assignment(self, node: ArrayLike) -> Ints:
        assignment = np.asarray(node)
        if assignment.shape != (self.request_count,) or not np.issubdtype(assignment.dtype, np.integer):
            raise ValueError(
                f"node must be an integer array of shape ({self.request_count},), one node number per request, "
                f"got dtype {assignment.dtype} and shape {assignment.shape}"
            )
        outside = (assignment < 0) | (assignment > self.node_count)
        if outside.any():
            raise ValueError(
                f"node must hold 0 (left out) or a node number from 1 to {self.node_count}, "
                f"got {assignment[outside][0]} at index {int(np.argmax(outside))}"
            )
        return assignment


def _check_nodes(nodes: tuple[BatchProblem, ...]) -> None:
    if not nodes:
        raise ValueError("nodes must hold at least one BatchProblem, got none")
    for index, node in enumerate(nodes):
        if not isinstance(node, BatchProblem):
            raise TypeError(f"nodes must hold BatchProblem objects, got {type(node).__name__} at index {index}")
        if node.request_count != nodes[0].request_count:
            raise ValueError(
                f"all nodes must have the same requests: node 1 has {nodes[0].request_count}, "
                f"node {index + 1} has {node.request_count}"
            )
