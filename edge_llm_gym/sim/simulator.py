"""The simulator: tape, state and constants of R rows, and what one can do with them, whatever the admission."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.dynamics import DYNAMICS


@dataclass(frozen=True)
class Snapshot:
    """One row at one moment: everything that its future depends on, as copies."""

    scenario: Scenario
    tape: dict[str, Array]
    state: dict[str, Array]


class Simulator:
    """R independent copies of one scenario, each on its own tape.

    Attributes `tape`, `state` and `parameters` are the records of the scenario's admission, described in
    `edge_llm_gym.sim.pooled.records` and `edge_llm_gym.sim.streaming.records`; treat them as read-only.
    """

    tape: Any
    state: Any

    def __init__(self, scenario: Scenario, rows: int = 1) -> None:
        if rows < 1:
            raise ValueError(f"a simulator needs at least one row, got {rows}")
        self.scenario = scenario
        self.rows = rows
        self._physics = DYNAMICS[scenario.dynamics](scenario)
        self.tape_generator = self._physics.tape_generator
        self.parameters = self._physics.parameters
        self._allocate(self.tape_generator.expected_requests())

    @property
    def nodes(self) -> int:
        """Number of nodes K."""
        return len(self.scenario.nodes)

    @property
    def capacity(self) -> int:
        """Requests that a tape can hold now; grows when an episode needs more."""
        return int(self.tape.arrival_s.shape[1])

    def _allocate(self, capacity: int) -> None:
        self.tape, self.state = self._physics.allocate(self.rows, capacity)

    def _grow(self, capacity: int) -> None:
        """Lengthens every record along its request axis, keeping what it holds."""
        old_tape, old_state, length = self.tape, self.state, self.capacity
        self._allocate(capacity)
        _copy_records((*old_tape, *old_state), (*self.tape, *self.state))
        assert self.capacity > length

    def __setstate__(self, attributes: dict[str, Any]) -> None:
        """Lays unpickled records out as allocated ones: the kernels are compiled for that layout."""
        self.__dict__.update(attributes)
        old_tape, old_state = self.tape, self.state
        self._allocate(self.capacity)
        _copy_records((*old_tape, *old_state), (*self.tape, *self.state))

    def reset(self, row: int, rng: np.random.Generator) -> None:
        """Draws a new tape for a row and sets it to its first decision time."""
        arrivals = self.tape_generator.draw_arrivals(rng)
        if arrivals.arrival_s.size > self.capacity:
            self._grow(max(arrivals.arrival_s.size, self.capacity * 5 // 4))
        self.tape_generator.write(rng, arrivals, self.tape, row)
        self._physics.begin(self.tape, self.state, row)

    def step(self, *action: Array) -> Any:
        """One epoch of every row, with arrays that were checked before; returns the admission's result.

        Batching dynamics takes batch [R, N] int64 in 0..K and bandwidth [R, N, 2] float64 >= 0; streaming dynamics offload
        [R, D + K, K] and threshold [R, K], both float32 in [0, 1]. Raises RuntimeError for a row past its horizon.
        """
        if (self.state.epoch >= self.scenario.horizon_epochs).any():
            raise RuntimeError("an episode has ended in some row: reset that row before the next step")
        return self._physics.step(self.tape, self.state, *action)

    def ended(self) -> Array:
        """[R] bool, rows whose episode is over."""
        return np.asarray(self.state.epoch >= self.scenario.horizon_epochs)

    def admissible(self) -> Array:
        """[R, N, K + 1] bool: asked alone with the whole band, would the slot's request be let in? 0 always is.

        Raises TypeError for streaming dynamics, whose actions are continuous.
        """
        return self._physics.admissible(self.tape, self.state)

    def snapshot(self, row: int = 0) -> Snapshot:
        """Copies of a row's tape and state."""
        return Snapshot(scenario=self.scenario, tape=_copy_row(self.tape, row), state=_copy_row(self.state, row))

    def restore(self, snapshot: Snapshot, row: int = 0) -> None:
        """Puts a snapshot into a row. Raises ValueError for a snapshot of another scenario."""
        if snapshot.scenario != self.scenario:
            raise ValueError(
                f"a snapshot can only be restored into the scenario it was taken from; it holds "
                f"{snapshot.scenario.name!r} and this is {self.scenario.name!r}, or their settings differ"
            )
        capacity = snapshot.tape["arrival_s"].shape[0]
        if capacity > self.capacity:
            self._grow(capacity)
        for record, saved in ((self.tape, snapshot.tape), (self.state, snapshot.state)):
            for name, array in saved.items():
                getattr(record, name)[(row, *(slice(size) for size in array.shape))] = array

    def conserves(self) -> bool:
        """Whether in every row whoever arrived is accounted for once: served, late, below_quality, expired or pending."""
        return bool(self._physics.conserves(self.tape, self.state).all())


def _copy_records(old: Iterable[Array], new: Iterable[Array]) -> None:
    for source, target in zip(old, new, strict=True):
        target[tuple(slice(size) for size in source.shape)] = source


def _copy_row(record: Any, row: int) -> dict[str, Array]:
    return {name: np.array(array[row]) for name, array in record._asdict().items()}
