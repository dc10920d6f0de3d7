"""The random generators of the rows of a vector environment."""

from collections.abc import Sequence

import numpy as np
from gymnasium.utils import seeding

from edge_llm_gym.arrays import Array

Seeds = int | Sequence[int | None] | None
"""Seed s for s + i in row i, a list with one seed per row, or None to continue."""


class RowGenerators:
    """One generator per row: row i of seed s draws what the single environment of seed s + i draws."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self.generators: tuple[np.random.Generator, ...] = ()
        self.seeds: tuple[int, ...] = ()

    @property
    def seeded(self) -> bool:
        """Whether the rows have generators: True after the first call of `seed`."""
        return bool(self.generators)

    def seed(self, seed: Seeds, chosen: Array) -> None:
        """Seeds the chosen [R] bool rows; a row without a seed keeps its generator, or gets a random one at first.

        Raises ValueError for a list of seeds of another length than the number of rows.
        """
        per_row = self._seed_per_row(seed)
        pairs = list(zip(self.generators, self.seeds, strict=True)) or [seeding.np_random(one) for one in per_row]
        if self.seeded:
            for row in np.flatnonzero(chosen):
                if per_row[row] is not None:
                    pairs[row] = seeding.np_random(per_row[row])
        self.generators, self.seeds = (tuple(column) for column in zip(*pairs, strict=True))

    def _seed_per_row(self, seed: Seeds) -> list[int | None]:
        if seed is None:
            return [None] * self._rows
        if isinstance(seed, (int, np.integer)):
            return [int(seed) + row for row in range(self._rows)]
        if len(seed) != self._rows:
            raise ValueError(f"a list of seeds needs one per row: num_envs is {self._rows}, got {len(seed)} seeds")
        return list(seed)
