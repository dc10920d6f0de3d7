"""The simulator: tape, state and constants of R rows, and the four things one can do with them."""

from dataclasses import dataclass

import numpy as np

from edge_llm_gym.sim import transition
from edge_llm_gym.sim.metrics import COLUMN
from edge_llm_gym.sim.scenario import Scenario
from edge_llm_gym.sim.state import (
    Array,
    Parameters,
    Result,
    State,
    Tape,
    allocate_result,
    allocate_state,
    allocate_tape,
)
from edge_llm_gym.sim.tape import TapeRecorder, node_costs


@dataclass(frozen=True)
class Snapshot:
    """One row at one moment: everything that its future depends on, as copies."""

    scenario: Scenario
    tape: dict[str, Array]
    state: dict[str, Array]


class Simulator:
    """R independent copies of one scenario, each on its own tape.

    Attributes `tape`, `state` and `parameters` are the records of `edge_llm_gym.sim.state`; treat them as read-only.
    """

    def __init__(self, scenario: Scenario, rows: int = 1) -> None:
        if rows < 1:
            raise ValueError(f"a simulator needs at least one row, got {rows}")
        self.scenario = scenario
        self.rows = rows
        self.recorder = TapeRecorder(scenario)
        self.parameters = compile_parameters(scenario)
        self._allocate(self.recorder.expected_requests())

    @property
    def nodes(self) -> int:
        """Number of nodes K."""
        return len(self.scenario.nodes)

    @property
    def capacity(self) -> int:
        """Requests that a tape can hold now; grows when an episode needs more."""
        return self.tape.arrival_s.shape[1]

    def _allocate(self, capacity: int) -> None:
        horizon = self.scenario.horizon_epochs
        self.tape = allocate_tape(self.rows, capacity, self.nodes, self.scenario.devices.count, horizon)
        self.state = allocate_state(self.rows, capacity, self.nodes, horizon)

    def _grow(self, capacity: int) -> None:
        """Lengthens every record along its request axis, keeping what it holds."""
        old_tape, old_state, length = self.tape, self.state, self.capacity
        self._allocate(capacity)
        for old, new in zip((*old_tape, *old_state), (*self.tape, *self.state), strict=True):
            new[tuple(slice(size) for size in old.shape)] = old
        assert self.capacity > length

    def reset(self, row: int, rng: np.random.Generator) -> None:
        """Draws a new tape for a row and sets it to its first decision time."""
        arrivals = self.recorder.draw_arrivals(rng)
        if arrivals.arrival_s.size > self.capacity:
            self._grow(max(arrivals.arrival_s.size, self.capacity * 5 // 4))
        self.recorder.write(rng, arrivals, self.tape, row)
        transition.begin_row(self.parameters, self.tape, self.state, row)

    def step(self, batch: Array, bandwidth: Array) -> Result:
        """One epoch of every row: batch [R, N] int64 in 0..K, bandwidth [R, N, 2] float64 >= 0, both checked before.

        Raises RuntimeError for a row past its horizon.
        """
        if (self.state.epoch >= self.scenario.horizon_epochs).any():
            raise RuntimeError("an episode has ended in some row: reset that row before the next step")
        result = allocate_result(self.rows, self.scenario.slots)
        transition.step_rows(self.parameters, self.tape, self.state, batch, bandwidth, result)
        return result

    def ended(self) -> Array:
        """[R] bool, rows whose episode is over."""
        return self.state.epoch >= self.scenario.horizon_epochs

    def admissible(self) -> Array:
        """[R, N, K + 1] bool: asked alone with the whole band, would the slot's request be let in? 0 always is."""
        mask = np.empty((self.rows, self.scenario.slots, self.nodes + 1), np.bool_)
        transition.admissible_rows(self.parameters, self.tape, self.state, mask)
        return mask

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
        """Whether arrived = served + late + poor + expired + pending holds in every row."""
        totals = self.state.totals
        settled = sum(totals[:, COLUMN[name]] for name in ("served", "late", "poor", "expired"))
        return bool((totals[:, COLUMN["arrived"]] == settled + self.state.queue_length).all())


def compile_parameters(scenario: Scenario) -> Parameters:
    """The constants of a scenario as the kernels take them."""
    costs = node_costs(scenario)
    return Parameters(
        slots=scenario.slots,
        horizon=scenario.horizon_epochs,
        epoch_s=scenario.epoch_s,
        uplink_slot_s=scenario.uplink_slot_s,
        downlink_slot_s=scenario.downlink_slot_s,
        bandwidth_hz=np.array([(node.uplink_hz, node.downlink_hz) for node in scenario.nodes]),
        room_bytes=np.array([node.room_bytes for node in costs]),
        quality=np.array([node.quality for node in costs]),
        reward_column=np.array([COLUMN[name] for name in scenario.reward], np.int64),
        reward_weight=np.array(list(scenario.reward.values()), np.float64),
    )


def _copy_row(record: Tape | State, row: int) -> dict[str, Array]:
    return {name: np.array(array[row]) for name, array in record._asdict().items()}
