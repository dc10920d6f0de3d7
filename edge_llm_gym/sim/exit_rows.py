"""Selection of rows of the exit profile for the requests of an episode, with an optional drift of their difficulty."""

from typing import Any

import numpy as np
from numba.extending import register_jitable

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled.streams import stream_kernel
from edge_llm_gym.models.exits import ExitProfile, exit_profile
from edge_llm_gym.ranges import mean_of
from edge_llm_gym.scenario.sections import DriftSection, ExitsSection

TINY = np.finfo(np.float64).tiny


class ProfileRows:
    """Draws a row of a scenario's exit profile for each request."""

    def __init__(self, exits: ExitsSection) -> None:
        self.profile: ExitProfile = exit_profile(exits.profile)
        easiest_first = np.argsort(self.profile.difficulty, kind="stable")
        self._confidence = self.profile.confidence[easiest_first]
        self._correct = self.profile.correct[easiest_first]

    def write(
        self,
        rng: np.random.Generator,
        drift: DriftSection | None,
        arrival_s: Array,
        confidence: Array,
        correct: Array,
    ) -> None:
        """Writes rows of the profile for arrival times [n]; draws the same numbers with and without drift."""
        phase, uniform = rng.random(), rng.random(arrival_s.size)
        shift = np.zeros(arrival_s.size) if drift is None else difficulty_shift(drift, arrival_s, phase)
        first = np.array([0, arrival_s.size])
        self.write_rows(first, uniform, shift, confidence[None], correct[None], np.zeros(1, np.int64))

    def write_rows(
        self, first: Array, uniform: Array, shift: Array, confidence: Array, correct: Array, rows: Array
    ) -> None:
        """Writes the rows of the profile that uniform numbers [m] select under shifts [m] of the difficulty.

        Those of first[i] to first[i + 1] - 1 go into rows[i] of confidence and correct, both [R, C, E].
        """
        _write_rows(self._confidence, self._correct, first, uniform, shift, confidence, correct, rows)


def difficulty_shift(drift: DriftSection, time_s: Array, phase: float) -> Array:
    """Shift of the difficulty mix at a time, from -depth (easy) to depth (hard). `phase` is the default.

    Ranges count with their means.
    """
    begun = phase if drift.phase is None else drift.phase
    return sine_shift(mean_of(drift.depth), mean_of(drift.period_s), begun, time_s)


def sine_shift(depth: Array | float, period_s: Array | float, phase: Array | float, time_s: Array) -> Array:
    """The shift of a drift with a phase; depth, period and phase are numbers, or arrays of the shape of the times."""
    return depth * np.sin(2.0 * np.pi * (time_s / period_s + phase))


@register_jitable
def shifted_quantile(uniform: Array | float, shift: Array | float) -> Any:
    """Numbers in [0, 1) with the density 1 + c (2 u - 1), c being the shift in [-1, 1], from uniform ones.

    By inversion of the distribution function (1 - c) u + c u^2, in a form without cancellation at c = 0.
    """
    root = np.sqrt((1.0 - shift) ** 2 + 4.0 * shift * uniform)
    return 2.0 * uniform / np.maximum(1.0 - shift + root, TINY)


@stream_kernel
def _write_rows(
    confidence: Array,
    correct: Array,
    first: Array,
    uniform: Array,
    shift: Array,
    tape_confidence: Array,
    tape_correct: Array,
    rows: Array,
) -> None:
    """Copies rows of a profile, easiest first, into rows [n] of the tape."""
    ranks, exits = confidence.shape
    for index in range(rows.size):
        row, begin = rows[index], first[index]
        for drawn in range(begin, first[index + 1]):
            rank = min(int(shifted_quantile(uniform[drawn], shift[drawn]) * ranks), ranks - 1)
            for block in range(exits):
                tape_confidence[row, drawn - begin, block] = confidence[rank, block]
                tape_correct[row, drawn - begin, block] = correct[rank, block]
