"""What the observers of all dynamics share: observations whose rows are written piece by piece."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

from edge_llm_gym.arrays import Array
from edge_llm_gym.sim.row_workers import Piece
from edge_llm_gym.sim.simulator import Simulator


class Reading(NamedTuple):
    """An observation of all rows, by key, which is undefined until every piece of the rows has been written."""

    arrays: dict[str, Array]
    write: Callable[[Piece], None]


class Observer(ABC):
    """Reads fresh observations off a simulator."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    @abstractmethod
    def begin(self) -> Reading:
        """New arrays, to be written later, as by `Simulator.step` for every piece that it has stepped."""

    def observe(self) -> dict[str, Array]:
        """The observation of every row, by key, in arrays of its own."""
        reading = self.begin()
        self._simulator.workers.run(reading.write)
        return reading.arrays
