"""Early exits: where a request exits, and the accuracy of an answer under a threshold relative to the last exit's."""

from typing import Any

import numpy as np
from numba.extending import register_jitable

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel
from edge_llm_gym.compiled.prefetch import prefetch
from edge_llm_gym.models.exits import ExitProfile
from edge_llm_gym.sim.records import ExitTable

BUCKETS = 1024
"""Intervals of confidences in an ExitTable, which leave few rows to search."""


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
def _bucket_of(table: ExitTable, block: int, threshold: float) -> tuple[int, int]:
    """The indices of the first row of a threshold's bucket and of the next one's."""
    bucket, first = min(max(int(threshold * BUCKETS), 0), BUCKETS - 1), table.first_of_bucket[block]
    return first[bucket], first[bucket + 1]


@kernel
def prefetch_accuracy(table: ExitTable, block: int, threshold: float) -> None:
    """Has the processor load what `relative_accuracy` reads."""
    begin, end = _bucket_of(table, block, threshold)
    prefetch(table.sorted_confidence, (block, (begin + end) >> 1))
    prefetch(table.relative_accuracy, (block, (begin + end) >> 1))


@kernel
def relative_accuracy(table: ExitTable, block: int, threshold: float) -> float:
    """Expected accuracy of an answer at an exit with this threshold, relative to the last exit's.

    Both accuracies are those of the profile's rows whose confidence at the exit reaches the threshold, since the last
    exit, too, is right more often on rows of high confidence. The ratio is at most 1.
    """
    confidence, (below, end) = table.sorted_confidence[block], _bucket_of(table, block, threshold)
    left = end - below
    while left > 0:
        # The number of rows below the threshold is in [below, below + left]. A branch on it would be mispredicted.
        half = (left + 1) >> 1
        below += half * int(confidence[below + half - 1] < threshold)
        left -= half
    return table.relative_accuracy[block, below]


@register_jitable
def mean_accuracy(correct: Any, full_correct: Any, requests: Any, full_accuracy: float) -> Any:
    """Accuracy of `requests` (at least 1) relative to the last exit, from counts of correct answers.

    `full_correct` are those which the last exit would have given to the same requests, and `full_accuracy` is its
    accuracy over the whole profile. The difference of the counts varies far less than correct / requests does.
    """
    return 1.0 + (correct - full_correct) / (full_accuracy * requests)


def exit_table(profile: ExitProfile) -> ExitTable:
    """The table of a profile with Z rows.

    The relative accuracy is 1 where the last exit answers none of the rows correctly, so above the highest confidence.
    """
    order = np.argsort(profile.confidence, axis=0, kind="stable")
    confidence = np.take_along_axis(profile.confidence, order, axis=0).T
    correct = _count_from(np.take_along_axis(profile.correct, order, axis=0).T)
    last_correct = _count_from(profile.correct[order, -1].T)
    relative = np.ones((profile.exits, profile.rows + 1))
    np.divide(correct, last_correct, out=relative[:, :-1], where=last_correct > 0)
    first = np.array([_first_of_buckets(exit_) for exit_ in confidence])
    return ExitTable(np.ascontiguousarray(confidence), first, np.minimum(relative, 1.0), profile.full_accuracy or 1.0)


def _first_of_buckets(confidence: Array) -> Array:
    """[B + 1] index of the first row of each bucket among ascending confidences [Z]."""
    first = np.searchsorted(confidence, np.arange(BUCKETS + 1) / BUCKETS)
    first[-1] = confidence.size
    return first


def _count_from(correct: Array) -> Array:
    """[E, Z] number of correct answers from each index on; correct [E, Z] bool."""
    return np.cumsum(correct[:, ::-1], axis=1)[:, ::-1]


def single_exit_table() -> ExitTable:
    """The table of a model without early exits: one exit, whose answers count as 1."""
    return ExitTable(np.zeros((1, 0), np.float32), np.zeros((1, BUCKETS + 1), np.int64), np.ones((1, 1)), 1.0)
