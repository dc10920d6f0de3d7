"""The record of an exit profile: confidence and correctness of every answer at every exit of a model."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge_llm_gym.models.exits.tables import confidence_table, correct_table, read_only

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ExitProfile:
    """A table of M answers at the E exits of a model, the first exit after the fewest layers, the last after all.

    Args:
        name: what to call the profile.
        confidence: [M, E] numbers in [0, 1], kept as float32.
        correct: [M, E] bool (or numbers that are 0 or 1), whether the answer at this exit would be right.
        source: where the numbers come from.

    A row is drawn for each request, and all of a row's exits belong together. Arrays are kept as read-only copies.
    Raises TypeError for arrays that do not hold numbers, ValueError for a shape, a NaN or a number out of range.
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
        # Unpickled arrays are writeable: build anew instead, so that a copy in a worker is read-only as well.
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
        """[E] share of right answers if all were given at this exit."""
        return read_only(self.correct.mean(axis=0))

    @property
    def full_accuracy(self) -> float:
        """Share of right answers of the whole model, which is its last exit."""
        return float(self.accuracy[-1])

    @cached_property
    def difficulty(self) -> Floats:
        """[M] in (0, 1), rank of each row from easy to hard: (rank + 1/2) / M, rank 0 the surest row.

        Rows are ranked by their confidence averaged over the exits, highest first, equal ones in the table's order.
        Confidence, not correctness: a hard stretch is then one that a scheduler can notice, and a confidence means in
        it about what it means elsewhere.
        """
        order = np.argsort(-self.confidence.mean(axis=1, dtype=np.float64), kind="stable")
        difficulty = np.empty(self.rows)
        difficulty[order] = (np.arange(self.rows) + 0.5) / self.rows
        return read_only(difficulty)

    def exit_of(self, threshold: ArrayLike) -> NDArray[np.int64]:
        """[M] index from 0 of the first exit whose confidence is at least its ``threshold`` [E].

        The last exit always answers: its threshold counts for nothing. Thresholds are compared in float32; any above 1
        closes its exit. Raises ValueError for a threshold that is not [E], or is NaN.
        """
        leaves = self.confidence >= self._threshold(threshold)
        leaves[:, -1] = True
        return leaves.argmax(axis=1)

    def expected_accuracy(self, threshold: ArrayLike) -> float:
        """Share of right answers when requests leave by ``exit_of(threshold)``; raises as that does."""
        return float(self.correct[np.arange(self.rows), self.exit_of(threshold)].mean())

    def pass_ratio(self, threshold: ArrayLike) -> Floats:
        """[E] share of the rows that reach an exit and go on; 0 at the last, and where no row comes."""
        leaving = np.bincount(self.exit_of(threshold), minlength=self.exits)
        going_on = self.rows - np.cumsum(leaving)
        return going_on / np.maximum(going_on + leaving, 1)

    def quantiles(self, probabilities: ArrayLike) -> Floats:
        """[E, Q] quantiles of the confidence at each exit over all rows, at the ``probabilities`` [Q] in [0, 1]."""
        return np.quantile(self.confidence.astype(np.float64), np.atleast_1d(probabilities), axis=0).T

    def _threshold(self, threshold: ArrayLike) -> NDArray[np.float32]:
        with np.errstate(over="ignore"):  # out of float32's range counts as infinite
            array = np.asarray(threshold, dtype=np.float64).astype(np.float32)
        if array.shape != (self.exits,):
            raise ValueError(f"threshold must give one number for each of the {self.exits} exits, got {threshold!r}")
        if np.isnan(array).any():
            raise ValueError(f"threshold must not be NaN (any number above 1 closes an exit), got {threshold!r}")
        return array
