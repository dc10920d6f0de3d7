"""The exact single-node search as an oracle: what is a node's best batch if the requests are worth this much?"""

import numpy as np
from numpy.typing import NDArray

from edge_llm_gym.problems.assignment import AssignmentProblem
from edge_llm_gym.solvers import dftsp
from edge_llm_gym.solvers.solution import BatchSolution


class Oracle:
    """Answers for the nodes of one assignment problem, and keeps account of the answers."""

    def __init__(self, problem: AssignmentProblem, node_limit: int) -> None:
        self.problem = problem
        self.node_limit = node_limit
        self.always_optimal = True
        self.nodes_visited = 0

    def __call__(self, place: int, profit: NDArray[np.float64]) -> BatchSolution:
        """The batch of greatest ``profit`` [N] on the node at ``place``, counted from 0."""
        batch = dftsp.solve(self.problem.nodes[place].with_value(profit), node_limit=self.node_limit)
        self.always_optimal &= batch.optimal
        self.nodes_visited += batch.nodes_visited
        return batch
