"""Exit profiles: how sure of its answer a model is at each of its exits, and whether that answer is right."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from os import PathLike
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge_llm_gym.models.checks import require_count, require_positive
from edge_llm_gym.models.exit_tables import confidence_table, correct_table, frozen, read_table
from edge_llm_gym.names import suggestion

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
        object.__setattr__(self, "confidence", frozen(confidence))
        object.__setattr__(self, "correct", frozen(correct))

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
        return frozen(self.correct.mean(axis=0))

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
        return frozen(difficulty)

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


def parametric_profile(
    rows: int = 4096,
    exits: int = 4,
    seed: int = 0,
    *,
    sharpness: float = 1.0,
    overconfidence: float = 1.0,
    noise: float = 0.0,
) -> ExitProfile:
    """A made-up profile of which everything is known in closed form.

    Every row draws an ease U and a luck V, independent and uniform on (0, 1). At exit b = 1..E, with depth
    a_b = ``sharpness`` * b,

    - confidence C_b = U ** (1 / a_b), so that C_b is Beta(a_b, 1) distributed: it sharpens towards 1 with depth;
    - the answer is right if V < C_b ** ``overconfidence``, so that a confidence c is right with probability
      c ** overconfidence. At 1 the profile is calibrated, above 1 it is overconfident, below 1 it doubts itself.

    Hence the accuracy at exit b is a_b / (a_b + overconfidence), and under thresholds t a share min(t_j ** a_j, j <= b)
    of the rows goes on past exit b. Deeper exits of a row are always surer, and what is right stays right. ``noise`` is
    the probability with which a confidence comes from an ease of its own instead of the row's: it keeps each exit's
    distribution and accuracy, and loosens the ties between confidences up to independence at 1.

    Raises TypeError or ValueError for counts below 1, a sharpness or overconfidence that is not positive, and a noise
    outside [0, 1].
    """
    require_count("parametric_profile", rows=rows, exits=exits)
    require_positive("parametric_profile", sharpness=sharpness, overconfidence=overconfidence)
    if not 0 <= noise <= 1:
        raise ValueError(f"parametric_profile: noise is a probability and must be in [0, 1], got {noise!r}")
    rng = np.random.default_rng(seed)
    ease, luck, own_ease, draw = rng.random((rows, 1)), rng.random((rows, 1)), *rng.random((2, rows, exits))
    depth = sharpness * np.arange(1, exits + 1)
    confidence = np.where(draw < noise, own_ease, ease) ** (1 / depth)
    parameters = f"{sharpness=:g}, {overconfidence=:g}, {noise=:g}, {seed=}"
    correct = luck < confidence**overconfidence
    return ExitProfile("parametric", confidence.astype(np.float32), correct, f"parametric_profile: {parameters}")


@cache
def _shipped(name: str) -> ExitProfile:
    file = resources.files("edge_llm_gym.models") / "profiles" / f"{name}.npz"
    with file.open("rb") as stream:
        return ExitProfile(**({"name": name} | read_table(stream, name)))


PROFILES: Mapping[str, Callable[[], ExitProfile]] = MappingProxyType(
    {
        "stdlib-lm": lambda: _shipped("stdlib-lm"),
        "parametric": parametric_profile,
    }
)
"""Profiles by name. "stdlib-lm" is measured: see docs/results/exit-profile.md."""


def exit_profile(name_or_path: str | PathLike[str]) -> ExitProfile:
    """The profile of a name in `PROFILES`, or in an .npz file of the user's own.

    Such a file holds the arrays ``confidence`` and ``correct`` and may hold the strings ``name`` and ``source``, as
    `save_profile` or ``numpy.savez`` write them. Pickled objects are refused.

    Raises ValueError for an unknown name, with a suggestion, and for a file that is no such table; FileNotFoundError
    for a path where there is no file; TypeError as `ExitProfile` does.
    """
    if isinstance(name_or_path, str) and name_or_path in PROFILES:
        return PROFILES[name_or_path]()
    path = Path(name_or_path)
    if path.is_file():
        with path.open("rb") as stream:
            return ExitProfile(**({"name": path.stem} | read_table(stream, path.stem)))
    if path.suffix == ".npz":
        raise FileNotFoundError(f"exit profile: there is no file {str(path)!r}; give a path that exists")
    name = str(name_or_path)
    raise ValueError(
        f"unknown exit profile {name!r} (a name, or the path of an .npz file); {suggestion(name, PROFILES)}"
    )


def save_profile(profile: ExitProfile, path: str | PathLike[str]) -> None:
    """Write a profile, compressed, to a file that `exit_profile` reads back equal; the path must end in .npz."""
    if Path(path).suffix != ".npz":
        raise ValueError(f"exit profiles are kept in .npz files, got {str(path)!r}: give a path that ends in .npz")
    np.savez_compressed(
        Path(path),
        confidence=profile.confidence,
        correct=profile.correct,
        name=np.array(profile.name),
        source=np.array(profile.source),
    )
