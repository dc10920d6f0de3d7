"""Pooled dynamics as the simulator takes them: tape generator, constants, records and kernels together."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.held import HeldRecords
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.scenario.metrics import COLUMN, FINAL_OUTCOMES
from edge_llm_gym.sim.energy import power_constants
from edge_llm_gym.sim.network_constants import network_constants
from edge_llm_gym.sim.pooled import admission, transition
from edge_llm_gym.sim.pooled.records import (
    PooledParameters,
    PooledResult,
    PooledState,
    PooledTape,
    RadioConstants,
    Sizes,
    allocate_result,
    allocate_state,
    allocate_tape,
    allocate_workspace,
)
from edge_llm_gym.sim.pooled.stages import FIRST_EXIT
from edge_llm_gym.sim.pooled.tape import PooledTapeGenerator
from edge_llm_gym.sim.records import ExitTable
from edge_llm_gym.sim.request_costs import COST_DRIVERS, RequestCosts, round_trip_bits
from edge_llm_gym.sim.reward import reward_terms
from edge_llm_gym.sim.row_workers import Piece
from edge_llm_gym.sim.totals import metric_kinds


class PooledDynamics:
    """The dynamics `batching` and `batching_routing`: without early exits the model is one block and has one exit."""

    def __init__(self, scenario: Scenario) -> None:
        costs = RequestCosts(scenario)
        self.tape_generator = PooledTapeGenerator(scenario, costs)
        self.parameters = compile_parameters(scenario, costs, self.tape_generator.exit_table)
        self._has_exits = scenario.exits is not None
        self._sizes = _sizes(scenario)
        self._held = defaultdict[int, HeldRecords](HeldRecords)

    def generator_of(self, scenario: Scenario) -> PooledTapeGenerator:
        """Draws episodes of a scenario that differs from this one only in what a tape holds."""
        return PooledTapeGenerator(scenario, self.tape_generator.costs)

    def allocate(self, rows: int, capacity: int) -> tuple[PooledTape, PooledState]:
        """Empty records."""
        return allocate_tape(rows, capacity, self._sizes), allocate_state(rows, capacity, self._sizes)

    def begin(self, tape: PooledTape, state: PooledState, rows: Sequence[int], worker: int = 0) -> None:
        """Sets rows to the first decision time of their freshly drawn tapes."""
        transition.reset_held(self.held(tape, state, worker), np.array(rows))

    def held(self, tape: PooledTape, state: PooledState, worker: int = 0) -> Any:
        """Parameters, tape, state and the work space of a worker as one argument for kernels."""
        return self._held[worker].of((self.parameters, tape, state), lambda: allocate_workspace(self._sizes))

    def step(
        self, tape: PooledTape, state: PooledState, action: tuple[Array, ...], result: PooledResult, piece: Piece
    ) -> None:
        """One epoch of the rows of a piece, with arrays checked before; fills their part of the result.

        batch [R, N] int64 in 0..K1, bandwidth [R, N, 2] float64 >= 0, offload [R, K, K] and threshold [R, K] float32 in
        [0, 1]. Without early exits, offload and threshold are left out.
        """
        batch, bandwidth, *routes = action
        offload, threshold = routes or (None, None)
        held = self.held(tape, state, piece.worker)
        transition.step_held(held, batch, bandwidth, offload, threshold, result, piece.first, piece.last)

    def empty_result(self, rows: int) -> PooledResult:
        """A result of empty slots."""
        return allocate_result(rows, self._sizes)

    def admissible(self, tape: PooledTape, state: PooledState) -> Array:
        """[R, N, K1 + 1] bool: alone on node k with the whole band, would the slot's request be admitted? 0 is True."""
        mask = np.empty((state.epoch.size, self._sizes.slots, self._sizes.entry_nodes + 1), np.bool_)
        admission.admissible_rows(self.parameters, tape, state, mask)
        return mask

    def conserves(self, tape: PooledTape, state: PooledState) -> Array:
        """[R] bool: arrived = served + late + below_quality + expired + pending, and computed requests exit once."""
        totals = {name: state.totals[:, column] for name, column in COLUMN.items()}
        final = sum(totals[name] for name in FINAL_OUTCOMES)
        accounted = (totals["arrived"] == final + totals["pending"]) & (totals["pending"] == state.queue.length)
        computed = state.admissions.until[np.arange(state.epoch.size), state.epoch]
        exited = state.totals[:, FIRST_EXIT:].sum(axis=1) if self._has_exits else totals["admitted"]
        return np.asarray(accounted & (exited == computed))


def _sizes(scenario: Scenario) -> Sizes:
    network = scenario.network
    return Sizes(
        nodes=len(scenario.nodes),
        entry_nodes=network.entry_nodes.size,
        stages=network.stages,
        devices=scenario.devices.count,
        blocks=len(scenario.block_layers),
        cost_drivers=len(COST_DRIVERS),
        horizon=scenario.horizon_epochs,
        slots=scenario.slots,
        metrics=len(scenario.metrics),
        predicts=scenario.lengths.prediction.sigma > 0,
    )


def compile_parameters(scenario: Scenario, costs: RequestCosts, exits: ExitTable) -> PooledParameters:
    """The constants of a scenario as kernels take them."""
    return PooledParameters(
        slots=scenario.slots,
        epoch_s=scenario.epoch_s,
        radio=RadioConstants(
            uplink_slot_s=scenario.uplink_slot_s,
            downlink_slot_s=scenario.downlink_slot_s,
            bandwidth_hz=np.array([(node.uplink_hz, node.downlink_hz) for node in scenario.nodes]),
        ),
        kv_capacity_bytes=np.array([node.kv_capacity_bytes for node in costs.nodes]),
        quality=np.array([node.quality for node in costs.nodes]),
        cost_coefficients=costs.cost_coefficients,
        network=network_constants(scenario.network, len(scenario.block_layers), round_trip_bits(scenario)),
        exits=exits,
        metric_kinds=metric_kinds(scenario.metric_table),
        power=power_constants(scenario),
        reward=reward_terms(scenario.reward, scenario.metrics),
    )
