"""Continuous batching as the simulator takes it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.scenario.metrics import CONTINUOUS_COLUMN, FINAL_OUTCOMES
from edge_llm_gym.sim.pooled.continuous import transition
from edge_llm_gym.sim.pooled.continuous.records import (
    ContinuousState,
    allocate_continuous_state,
    iteration_constants,
)
from edge_llm_gym.sim.pooled.dynamics import PooledDynamics
from edge_llm_gym.sim.pooled.records import PooledResult, PooledTape, allocate_tape, allocate_workspace
from edge_llm_gym.sim.row_workers import Piece


class ContinuousDynamics(PooledDynamics):
    """The dynamics `batching` with `batching: continuous`."""

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self.constants = iteration_constants(scenario, self.tape_generator.costs)

    def allocate(self, rows: int, capacity: int) -> tuple[PooledTape, ContinuousState]:  # type: ignore[override]
        """Empty records."""
        return allocate_tape(rows, capacity, self._sizes), allocate_continuous_state(rows, capacity, self._sizes)

    def begin(self, tape: PooledTape, state: ContinuousState, rows: Sequence[int], worker: int = 0) -> None:  # type: ignore[override]
        """Sets rows to the first decision time of their freshly drawn tapes."""
        transition.reset_held(self.held(tape, state, worker), np.array(rows))

    def held(self, tape: PooledTape, state: ContinuousState, worker: int = 0) -> Any:  # type: ignore[override]
        """Parameters, constants, tape, state and the work space of a worker as one argument for kernels."""
        records = self.parameters, self.constants, tape, state
        return self._held[worker].of(records, lambda: allocate_workspace(self._sizes))

    def step(  # type: ignore[override]
        self, tape: PooledTape, state: ContinuousState, action: tuple[Array, ...], result: PooledResult, piece: Piece
    ) -> None:
        """One epoch of the rows of a piece: batch [R, N] int64 in 0..K, bandwidth [R, N, 2] float64 >= 0, checked."""
        transition.step_held(self.held(tape, state, piece.worker), *action, result, piece.first, piece.last)

    def admissible(self, tape: PooledTape, state: ContinuousState) -> Array:  # type: ignore[override]
        """[R, N, K + 1] bool: alone on node k with the whole band, would the slot's request be admitted? 0 is True."""
        mask = np.empty((state.epoch.size, self._sizes.slots, self._sizes.entry_nodes + 1), np.bool_)
        transition.admissible_rows(self.parameters, self.constants, tape, state, mask)
        return mask

    def conserves(self, tape: PooledTape, state: ContinuousState) -> Array:  # type: ignore[override]
        """[R] bool: arrived = served + late + below_quality + expired + pending + running."""
        nodes, totals = state.nodes, {name: state.totals[:, column] for name, column in CONTINUOUS_COLUMN.items()}
        final = sum(totals[name] for name in FINAL_OUTCOMES)
        running = (nodes.running + nodes.admitted - nodes.prefilled).sum(axis=1)
        accounted = totals["arrived"] == final + totals["pending"] + totals["running"]
        return np.asarray(accounted & (totals["pending"] == state.queue.length) & (totals["running"] == running))
