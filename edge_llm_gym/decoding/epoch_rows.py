"""The assignment problems of one epoch in many rows, with what list schedulers order requests by."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.problems import AssignmentProblem
from edge_llm_gym.problems.rows import AssignmentRows


@dataclass(frozen=True)
class EpochProblem:
    """The assignment problem of one epoch, over the n visible requests and the K entry nodes."""

    problem: AssignmentProblem
    waiting_s: Array  # [n] time since arrival
    time_left_s: Array  # [n] time to the deadline
    busy_s: Array  # [K] time from the end of this uplink slot until the node is free
    urgent: Array  # [n] bool, no node could serve the request if it waited for another epoch


class EpochRows(NamedTuple):
    """The epoch problems of R rows, over all N slots and the K entry nodes."""

    problem: AssignmentRows
    waiting_s: Array  # [R, N] time since arrival
    time_left_s: Array  # [R, N] time to the deadline
    busy_s: Array  # [R, K] time from the end of this uplink slot until the node is free
    urgent: Array  # [R, N] bool, no node could serve the request if it waited for another epoch

    def epoch(self, row: int) -> EpochProblem:
        """The problem of one row, over its n visible requests."""
        shown = self.problem.visible[row]
        return EpochProblem(
            problem=self.problem.problem(row),
            waiting_s=self.waiting_s[row, shown],
            time_left_s=self.time_left_s[row, shown],
            busy_s=self.busy_s[row],
            urgent=self.urgent[row, shown],
        )

    def slots_by(self, key: Array) -> Array:
        """[R, N] int64 slots of the visible requests by rising key [R, N], the first of equals first, then -1."""
        shown = self.problem.visible
        order = np.lexsort((key, ~shown), axis=-1)
        return np.where(np.take_along_axis(shown, order, axis=1), order, -1)
