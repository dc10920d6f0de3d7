"""The multi-node problem: which node, if any, should serve each request?"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge_llm_gym.problems.batch import BatchProblem


@dataclass(frozen=True, eq=False)
class AssignmentProblem:
    """Spread N requests over K nodes, each request on one node at most, for the greatest total value.

    Args:
        nodes: K batch problems over the same N requests, in the same order. Whatever a request costs, or is worth, may
            differ from node to node.

    An assignment is an integer array [N]: 0 leaves a request out, k puts it on the k-th node, counted from 1. Raises
    ValueError for no nodes or nodes of unequal N, TypeError for a node that is no BatchProblem.
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

    def selected(self, node: ArrayLike) -> tuple[NDArray[np.bool_], ...]:
        """For each node, which requests [N] bool the assignment ``node`` [N] puts on it."""
        assignment = self._assignment(node)
        return tuple(assignment == k for k in range(1, self.node_count + 1))

    def violations(self, node: ArrayLike) -> dict[int, dict[str, float]]:
        """For each node (from 1) that the assignment overfills, its broken constraints and by how much."""
        broken = enumerate(map(BatchProblem.violations, self.nodes, self.selected(node)), start=1)
        return {k: violations for k, violations in broken if violations}

    def feasible(self, node: ArrayLike) -> bool:
        """Whether every node can serve what the assignment ``node`` [N] puts on it."""
        return not self.violations(node)

    def objective(self, node: ArrayLike) -> float:
        """Total value of the assignment ``node`` [N], feasible or not."""
        return float(sum(map(BatchProblem.objective, self.nodes, self.selected(node))))

    def _assignment(self, node: ArrayLike) -> NDArray[Any]:
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
    for position, node in enumerate(nodes):
        if not isinstance(node, BatchProblem):
            raise TypeError(f"nodes must hold BatchProblem objects, got {type(node).__name__} at position {position}")
        if node.request_count != nodes[0].request_count:
            raise ValueError(
                f"every node must see the same requests: node 1 has {nodes[0].request_count} of them, "
                f"node {position + 1} has {node.request_count}"
            )
