"""What the schedulers return."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class BatchSolution:
    """A feasible batch for one node, and what is proved of it.

    ``optimal`` means that no feasible batch is worth more, up to a billionth of the greatest single value;
    ``tie_break_optimal`` that none of equal value has more urgency (true as well where no urgency was asked for).
    """

    selected: NDArray[np.bool_]  # [N]
    value: float
    upper_bound: float  # no feasible batch is worth more
    optimal: bool
    nodes_visited: int
    tie_break_optimal: bool = True

    def __post_init__(self) -> None:
        self.selected.setflags(write=False)


@dataclass(frozen=True, eq=False)
class AssignmentSolution:
    """A feasible assignment of requests to nodes, and what is proved of it."""

    node: NDArray[np.int64]  # [N] 0 none, k the k-th node
    value: float
    upper_bound: float  # no feasible assignment is worth more
    optimal: bool  # whether the upper bound is met
    optimal_oracles: bool  # whether every single-node problem on the way was solved to proved optimality
    nodes_visited: int

    def __post_init__(self) -> None:
        self.node.setflags(write=False)
