"""Early exits: where a request exits, and the accuracy of an answer under a threshold."""

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel
from edge_llm_gym.models.exits import ExitProfile
from edge_llm_gym.sim.records import ExitTable


@kernel
def last_block_of(confidence: Array, request: int, first: int, last: int, threshold: float) -> tuple[int, bool]:
    """The last block in first..last that a node computes for a request, and whether the request exits after it.

    A request exits at the first hosted exit whose confidence (confidence [C, E]) reaches the threshold; the last exit
    of the model always answers.
    """
    for block in range(first, last):
        if confidence[request, block] >= threshold:
            return block, True
    return last, last == confidence.shape[1] - 1 or confidence[request, last] >= threshold


@kernel
def expected_accuracy(table: ExitTable, block: int, threshold: float) -> float:
    """Expected accuracy of an answer at an exit with this threshold, relative to the full model's.

    It is the accuracy of the profile's rows whose confidence at the exit reaches the threshold. An answer of the last
    exit is the full model's and counts as 1.
    """
    if block == table.sorted_confidence.shape[0] - 1:
        return 1.0
    below, end = 0, table.sorted_confidence.shape[1]
    while below < end:
        middle = (below + end) // 2
        if table.sorted_confidence[block, middle] < threshold:
            below = middle + 1
        else:
            end = middle
    return table.tail_accuracy[block, below]


def exit_table(profile: ExitProfile) -> ExitTable:
    """The table of a profile with Z rows. The accuracy above the highest confidence counts as 1."""
    order = np.argsort(profile.confidence, axis=0, kind="stable")
    confidence = np.take_along_axis(profile.confidence, order, axis=0).T
    correct = np.take_along_axis(profile.correct, order, axis=0).T[:, ::-1]
    mean = np.cumsum(correct, axis=1) / np.arange(1, profile.rows + 1)
    relative = mean[:, ::-1] / max(profile.full_accuracy, np.finfo(np.float64).tiny)
    return ExitTable(np.ascontiguousarray(confidence), np.hstack([relative, np.ones((profile.exits, 1))]))


def single_exit_table() -> ExitTable:
    """The table of a model without early exits: one exit, whose answers count as 1."""
    return ExitTable(np.zeros((1, 0), np.float32), np.ones((1, 1)))
