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
        self.write_at(phase, uniform, drift, arrival_s, confidence, correct)

    def write_at(
        self,
        phase: float,
        uniform: Array,
        drift: DriftSection | None,
        arrival_s: Array,
        confidence: Array,
        correct: Array,
    ) -> None:
        """Writes the rows that uniform numbers [n] select, with a phase of the drift."""
        shift = np.zeros(arrival_s.size) if drift is None else difficulty_shift(drift, arrival_s, phase)
        _write_rows(self._confidence, self._correct, uniform, shift, confidence, correct)


def difficulty_shift(drift: DriftSection, time_s: Array, phase: float) -> Array:
    """Shift of the difficulty mix at a time, from -depth (easy) to depth (hard). `phase` is the default.

    Ranges count with their means.
    """
    begun = phase if drift.phase is None else drift.phase
    return mean_of(drift.depth) * np.sin(2.0 * np.pi * (time_s / mean_of(drift.period_s) + begun))


@register_jitable
def shifted_quantile(uniform: Array | float, shift: Array | float) -> Any:
    """Numbers in [0, 1) with the density 1 + c (2 u - 1), c being the shift in [-1, 1], from uniform ones.

    By inversion of the distribution function (1 - c) u + c u^2, in a form without cancellation at c = 0.
    """
    root = np.sqrt((1.0 - shift) ** 2 + 4.0 * shift * uniform)
    return 2.0 * uniform / np.maximum(1.0 - shift + root, TINY)


@stream_kernel
def _write_rows(
    confidence: Array, correct: Array, uniform: Array, shift: Array, tape_confidence: Array, tape_correct: Array
) -> None:
    """Copies rows of a profile, easiest first, into a row of the tape."""
    rows, exits = confidence.shape
    for request in range(uniform.size):
        rank = min(int(shifted_quantile(uniform[request], shift[request]) * rows), rows - 1)
        for block in range(exits):
            tape_confidence[request, block] = confidence[rank, block]
            tape_correct[request, block] = correct[rank, block]
