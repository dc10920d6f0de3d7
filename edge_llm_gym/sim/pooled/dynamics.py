"""Batching dynamics as the simulator takes it: tape_generator, parameters, records and kernels together."""

from typing import Any

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.scenario.metrics import COLUMN, FINAL_OUTCOMES
from edge_llm_gym.sim.pooled import admission, transition
from edge_llm_gym.sim.pooled.records import (
    Parameters,
    Result,
    State,
    Tape,
    allocate_result,
    allocate_state,
    allocate_tape,
    allocate_workspace,
)
from edge_llm_gym.sim.pooled.tape import PooledTapeGenerator
from edge_llm_gym.sim.request_costs import RequestCosts
from edge_llm_gym.sim.reward import reward_terms


class BatchingDynamics:
    """What `admission: epoch` brings to the simulator."""

    def __init__(self, scenario: Scenario) -> None:
        costs = RequestCosts(scenario)
        self.parameters = compile_parameters(scenario, costs)
        self.tape_generator = PooledTapeGenerator(scenario, costs, self.parameters.quality)
        self._devices = scenario.devices.count
        self._desk = allocate_workspace(scenario.slots, len(scenario.nodes))

    def allocate(self, rows: int, capacity: int) -> tuple[Tape, State]:
        """Empty records."""
        nodes, horizon = self.parameters.room_bytes.size, self.parameters.horizon
        tape = allocate_tape(rows, capacity, nodes, self._devices, horizon, self.parameters.cost_coefficients.shape[1])
        return tape, allocate_state(rows, capacity, nodes, horizon)

    def begin(self, tape: Tape, state: State, row: int) -> None:
        """Sets a row to the first decision time of its freshly drawn tape."""
        transition.reset_row(self.parameters, tape, state, row)

    def step(self, tape: Tape, state: State, batch: Array, bandwidth: Array) -> Result:
        """One epoch of every row: batch [R, N] int64 in 0..K, bandwidth [R, N, 2] float64 >= 0, both checked before."""
        result = allocate_result(batch.shape[0], self.parameters.slots)
        transition.step_rows(self.parameters, tape, state, batch, bandwidth, self._desk, result)
        return result

    def admissible(self, tape: Tape, state: State) -> Array:
        """[R, N, K + 1] bool: asked alone with the whole band, would the slot's request be let in? 0 always is."""
        mask = np.empty((state.epoch.size, self.parameters.slots, self.parameters.room_bytes.size + 1), np.bool_)
        admission.admissible_rows(self.parameters, tape, state, mask)
        return mask

    def conserves(self, tape: Tape, state: State) -> Array:
        """[R] bool, whether everybody is accounted for."""
        return conserves(state)


def conserves(state: Any) -> Array:
    """[R] bool, whether arrived = served + late + below_quality + expired + pending."""
    settled = sum(state.totals[:, COLUMN[name]] for name in FINAL_OUTCOMES)
    return np.asarray(state.totals[:, COLUMN["arrived"]] == settled + state.queue_length)


def compile_parameters(scenario: Scenario, costs: RequestCosts) -> Parameters:
    """The constants of a scenario as the kernels take them."""
    reward_column, reward_weight = reward_terms(scenario.reward, scenario.metrics)
    return Parameters(
        slots=scenario.slots,
        horizon=scenario.horizon_epochs,
        epoch_s=scenario.epoch_s,
        uplink_slot_s=scenario.uplink_slot_s,
        downlink_slot_s=scenario.downlink_slot_s,
        bandwidth_hz=np.array([(node.uplink_hz, node.downlink_hz) for node in scenario.nodes]),
        room_bytes=np.array([node.room_bytes for node in costs.nodes]),
        quality=np.array([node.quality for node in costs.nodes]),
        cost_coefficients=costs.cost_coefficients,
        first_hosted=costs.first,
        reward_column=reward_column,
        reward_weight=reward_weight,
    )
