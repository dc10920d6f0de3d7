"""The random generators of the rows of a vector environment."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from gymnasium.utils import seeding

from edge_llm_gym.arrays import Array

Seeds = int | Sequence[int | None] | None
"""Seed s for s + i in row i, a list with one seed per row, or None to continue."""
Pair = tuple[np.random.Generator, int]
UNKNOWN_SEED: Final = -1
"""What Gymnasium reports as the seed of a generator that was put in by hand."""


class RowGenerators:
    """One generator per row: row i of seed s draws what the single environment of seed s + i draws.

    A row that has not been seeded gets a random seed at its first use.
    """

    def __init__(self, rows: int) -> None:
        self._pairs: list[Pair | None] = [None] * rows

    @property
    def all(self) -> tuple[np.random.Generator, ...]:
        """The generators of all rows."""
        return tuple(self.of(row) for row in range(len(self._pairs)))

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of all generators, -1 for one whose seed is unknown."""
        return tuple(self._pair(row)[1] for row in range(len(self._pairs)))

    def of(self, row: int) -> np.random.Generator:
        """The generator of a row."""
        return self._pair(row)[0]

    def seed(self, seed: Seeds, chosen: Array) -> None:
        """Seeds the chosen [R] bool rows; a row without a seed keeps its generator.

        Raises ValueError for a list of seeds of another length than the number of rows.
        """
        per_row = self._seed_per_row(seed)
        fresh = {row: seeding.np_random(per_row[row]) for row in np.flatnonzero(chosen) if per_row[row] is not None}
        for row, pair in fresh.items():
            self._pairs[row] = pair

    def replace(self, generators: Sequence[np.random.Generator]) -> None:
        """Puts other generators in the place of the present ones. Raises ValueError unless there is one per row."""
        if len(generators) != len(self._pairs):
            raise ValueError(f"each row has one generator: num_envs is {len(self._pairs)}, got {len(generators)}")
        self._pairs = [(generator, UNKNOWN_SEED) for generator in generators]

    def _pair(self, row: int) -> Pair:
        self._pairs[row] = pair = self._pairs[row] or seeding.np_random()
        return pair

    def _seed_per_row(self, seed: Seeds) -> list[int | None]:
        rows = len(self._pairs)
        if seed is None:
            return [None] * rows
        if isinstance(seed, (int, np.integer)):
            return [int(seed) + row for row in range(rows)]
        if len(seed) != rows:
            raise ValueError(f"a list of seeds needs one per row: num_envs is {rows}, got {len(seed)} seeds")
        return list(seed)
