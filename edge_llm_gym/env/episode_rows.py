"""The rows of a vector environment: one simulator, and for each row a generator and its place in the episode."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.env.info import Info
from edge_llm_gym.env.interface import interface_of
from edge_llm_gym.env.own_functions import OwnFunctions
from edge_llm_gym.env.row_generators import RowGenerators
from edge_llm_gym.env.step_info import reset_info, step_info
from edge_llm_gym.sim.simulator import Simulator, Snapshot

Observations = dict[str, Array]


class EpisodeRows:
    """Rows that are reset and stepped together.

    Attributes:
        simulator: all rows.
        generators: of the tapes of the rows.
        result: of the last step; None before the first one and after `restore`.
    """

    def __init__(self, simulator: Simulator, limit: int, own: OwnFunctions) -> None:
        self.generators = RowGenerators(simulator.rows)
        self._limit, self._own = limit, own
        self.use(simulator)

    def use(self, simulator: Simulator) -> None:
        """Puts another simulator with as many rows in the place of the present one; every row must be reset then."""
        self.simulator = simulator
        self.result: Any = None
        self._own_reward: Array | None = None
        self._observer = interface_of(simulator.scenario).observer(simulator)
        self._observed: Observations | None = None  # the present rows, if the last step has written them already

    @property
    def all(self) -> Array:
        """[R] bool, True."""
        return np.ones(self.simulator.rows, np.bool_)

    def ended(self) -> Array:
        """[R] bool, rows that have made the last step of their episode."""
        return np.asarray(self.simulator.state.epoch >= self._limit)

    def observe(self) -> Observations:
        """New arrays with a leading axis of rows."""
        arrays, self._observed = self._observed or self._observer.observe(), None
        return self._own.observed(self.simulator, arrays)

    def observed_rows(self, chosen: Array) -> Array:
        """[R] object: the observation of each chosen [R] row, None for the others."""
        rows, observed = np.full(self.simulator.rows, None, dtype=object), self.observe()
        for row in _indices(chosen):
            rows[row] = {key: array[row] for key, array in observed.items()}
        return rows

    def reset(self, chosen: Array) -> None:
        """Starts a new episode in the chosen [R] bool rows."""
        rows, self._observed = _indices(chosen), None
        self.simulator.reset_rows(rows, [self.generators.of(row) for row in rows])

    def restore(self, snapshots: Iterable[Snapshot]) -> None:
        """Writes one snapshot into every row."""
        for row, snapshot in enumerate(snapshots):
            self.simulator.restore(snapshot, row)
        self.result = self._observed = None

    def step(self, action: tuple[Array, ...]) -> Any:
        """One epoch of every row, each observed in the thread that steps it; returns the result of the simulator."""
        reading = self._observer.begin()
        done = self.simulator.step(*action, then=reading.write)
        self._observed = reading.arrays
        self.result, self._own_reward = self._own.rewarded(self.simulator, done)
        return self.result

    def step_info(self, result: Any) -> Info:
        """The info of the last step, of which `result` is the result."""
        return step_info(self.simulator, result, self._own_reward)

    def reset_info(self) -> Info:
        """The info of a reset of all rows."""
        return reset_info(self.simulator, self._own.no_reward(self.simulator.rows))

    def step_others(self, action: tuple[Array, ...], waiting: Array) -> Any:
        """One epoch of all but the waiting [R] bool rows, whose entries in the result are meaningless.

        Kernels step every row, so the waiting ones are written back afterwards.
        """
        kept = {row: self.simulator.snapshot(row) for row in _indices(waiting)}
        result = self.step(action)
        for row, snapshot in kept.items():
            self.simulator.restore(snapshot, row)
        self._observed = None
        return result


def _indices(rows: Array) -> list[int]:
    indices: list[int] = np.flatnonzero(rows).tolist()
    return indices
