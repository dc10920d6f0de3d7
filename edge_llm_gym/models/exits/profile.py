"""The record of an exit profile: confidence and correctness of every answer at every exit of a model."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge_llm_gym.models.exits.tables import confidence_table, correct_table, read_only

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ExitProfile:
    """A table of M answers at the E exits of a model; the first exit follows the fewest layers, the last one all.

    Args:
        name: name of the profile.
        confidence: [M, E] numbers in [0, 1], kept as float32.
        correct: [M, E] bool (or numbers that are 0 or 1), whether the answer at this exit would be correct.
        source: origin of the numbers.

    One row is drawn per request; the exits of a row belong to the same answer. Arrays are kept as read-only copies.
    Raises TypeError for arrays that do not hold numbers, ValueError for a wrong shape, NaN or a number out of range.
    """

    name: str
    confidence: NDArray[np.float32]
    correct: NDArray[np.bool_]
    source: str = ""

    def __post_init__(self) -> None:
        for field in ("name", "source"):
            if not isinstance(text := getattr(self, field), str):
                raise TypeError(f"exit profile: {field} must be a string, got {text!r}")
        confidence = confidence_table(self.name, self.confidence)
        correct = correct_table(self.name, self.correct)
        if correct.shape != confidence.shape:
            raise ValueError(
                f"exit profile {self.name!r}: confidence and correct must have one shape, a row per answer and a "
                f"column per exit, got {confidence.shape} and {correct.shape}"
            )
        object.__setattr__(self, "confidence", read_only(confidence))
        object.__setattr__(self, "correct", read_only(correct))

    def __reduce__(self) -> tuple[type["ExitProfile"], tuple[object, ...]]:
        # Unpickled arrays are writeable: construct a new profile, so that a copy in a worker is read-only as well.
        return ExitProfile, (self.name, self.confidence, self.correct, self.source)

    @property
    def rows(self) -> int:
        """Number M of answers."""
        return self.confidence.shape[0]

    @property
    def exits(self) -> int:
        """Number E of exits."""
        return self.confidence.shape[1]

    @cached_property
    def accuracy(self) -> Floats:
        """[E] share of correct answers if all rows left at this exit."""
        return read_only(self.correct.mean(axis=0))

    @property
    def full_accuracy(self) -> float:
        """Share of correct answers of the whole model, that is of its last exit."""
        return float(self.accuracy[-1])

    @cached_property
    def difficulty(self) -> Floats:
        """[M] in (0, 1), rank of each row from easy to hard: (rank + 1/2) / M, with rank 0 for the most confident row.

        Rows are ranked by their mean confidence over the exits, highest first, ties in the table's order. Confidence is
        used rather than correctness because a scheduler can observe it, and because the relation between confidence and
        correctness then hardly depends on the difficulty.
        """
        order = np.argsort(-self.confidence.mean(axis=1, dtype=np.float64), kind="stable")
        difficulty = np.empty(self.rows)
        difficulty[order] = (np.arange(self.rows) + 0.5) / self.rows
        return read_only(difficulty)

    def exit_of(self, threshold: ArrayLike) -> NDArray[np.int64]:
        """[M] index from 0 of the first exit whose confidence is at least its ``threshold`` [E].

        All remaining rows leave at the last exit, whatever its threshold. Thresholds are compared in float32; a
        threshold above 1 closes its exit. Raises ValueError for a threshold that is not [E] or is NaN.
        """
        leaves = self.confidence >= self._threshold(threshold)
        leaves[:, -1] = True
        return leaves.argmax(axis=1)

    def expected_accuracy(self, threshold: ArrayLike) -> float:
        """Share of correct answers if rows leave at ``exit_of(threshold)``, with the same errors."""
        return float(self.correct[np.arange(self.rows), self.exit_of(threshold)].mean())

    def pass_ratio(self, threshold: ArrayLike) -> Floats:
        """[E] share of the rows reaching an exit that continue; 0 at the last exit and at exits that no row reaches."""
        leaving = np.bincount(self.exit_of(threshold), minlength=self.exits)
        continuing = self.rows - np.cumsum(leaving)
        return continuing / np.maximum(continuing + leaving, 1)

    def quantiles(self, probabilities: ArrayLike) -> Floats:
        """[E, Q] quantiles of the confidence at each exit over all rows, at the ``probabilities`` [Q] in [0, 1]."""
        return np.quantile(self.confidence.astype(np.float64), np.atleast_1d(probabilities), axis=0).T

    def _threshold(self, threshold: ArrayLike) -> NDArray[np.float32]:
        with np.errstate(over="ignore"):  # values beyond float32 become infinite
            array = np.asarray(threshold, dtype=np.float64).astype(np.float32)
        if array.shape != (self.exits,):
            raise ValueError(f"threshold must hold one number for each of the {self.exits} exits, got {threshold!r}")
        if np.isnan(array).any():
            raise ValueError(f"threshold must not be NaN (any number above 1 closes an exit), got {threshold!r}")
        return array
