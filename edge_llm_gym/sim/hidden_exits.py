"""Exits that are drawn anew for requests whose confidences nothing has shown yet, given those that were computed.

The difficulty mix drifts with a phase that no observation shows. What is known of it follows from the confidences at
the first exit of the requests that have been computed: Bayes' rule over a grid of phases, with the histogram of the
profile's confidences as the likelihood.
"""

from typing import Final, NamedTuple

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.models.exits import ExitProfile
from edge_llm_gym.scenario.sections import DriftSection, ExitsSection
from edge_llm_gym.sim.exit_observation import CONFIDENCE_BINS
from edge_llm_gym.sim.exit_rows import ProfileRows, difficulty_shift

PHASES: Final = 64
"""Phases of the drift that are told apart."""


class SeenExits(NamedTuple):
    """Requests whose first exit has been computed by now."""

    arrival_s: Array  # [n] float64
    confidence: Array  # [n] float32, at the first exit


class DriftPhase:
    """What is known of the phase of a drift."""

    def __init__(self, profile: ExitProfile) -> None:
        easiest_first = np.argsort(profile.difficulty, kind="stable")
        rank = (np.arange(easiest_first.size) + 0.5) / easiest_first.size
        column, rows = _bins(profile.confidence[easiest_first, 0]), easiest_first.size
        self._level = np.bincount(column, minlength=CONFIDENCE_BINS) / rows
        self._slope = np.bincount(column, 2.0 * rank - 1.0, CONFIDENCE_BINS) / rows

    def probabilities(self, drift: DriftSection, seen: SeenExits) -> Array:
        """Probability [PHASES] of the phases i / PHASES, all equally likely at first.

        Under a shift c a request's confidence falls into a bin with the probability level + c * slope.
        """
        column = _bins(seen.confidence)
        shift = np.array([difficulty_shift(drift, seen.arrival_s, one / PHASES) for one in range(PHASES)])
        likelihood = self._level[column] + shift * self._slope[column]
        logarithm = np.log(np.maximum(likelihood, np.finfo(np.float64).tiny)).sum(axis=1)
        weight = np.exp(logarithm - logarithm.max())
        return np.asarray(weight / weight.sum())


def _bins(confidence: Array) -> Array:
    return np.minimum((confidence * CONFIDENCE_BINS).astype(np.int64), CONFIDENCE_BINS - 1)


class HiddenExits:
    """Draws rows of a scenario's exit profile for requests of known arrival times."""

    def __init__(self, exits: ExitsSection) -> None:
        self._rows, self._drift = ProfileRows(exits), exits.drift
        self._phase = DriftPhase(self._rows.profile)

    @property
    def drift(self) -> DriftSection | None:
        """The drift of the scenario."""
        return self._drift

    def draw(
        self, rng: np.random.Generator, drift: DriftSection | None, seen: SeenExits, arrival_s: Array
    ) -> tuple[Array, Array]:
        """Confidence [n, E] float32 and correct [n, E] bool of requests that arrive at times [n].

        The phase is drawn given the exits seen, unless the drift states it.
        """
        if drift is not None and drift.phase is None:
            phase = (rng.choice(PHASES, p=self._phase.probabilities(drift, seen)) + rng.random() - 0.5) / PHASES
            drift = drift.model_copy(update={"phase": phase % 1.0})
        shape = arrival_s.size, self._rows.profile.confidence.shape[1]
        confidence, correct = np.empty(shape, np.float32), np.empty(shape, np.bool_)
        self._rows.write(rng, drift, arrival_s, confidence, correct)
        return confidence, correct
