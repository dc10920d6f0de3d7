"""Streaming dynamics as the simulator takes them: tape generator, constants, records and kernels together."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.held import HeldRecords
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.scenario.metrics import STREAMING_COLUMN
from edge_llm_gym.sim.energy import power_constants
from edge_llm_gym.sim.network_constants import network_constants
from edge_llm_gym.sim.node_costs import node_costs
from edge_llm_gym.sim.records import ExitTable
from edge_llm_gym.sim.request_costs import hosted_blocks, round_trip_bits
from edge_llm_gym.sim.reward import reward_terms
from edge_llm_gym.sim.row_workers import Piece
from edge_llm_gym.sim.streaming import transition
from edge_llm_gym.sim.streaming.answers import FIRST_EXIT
from edge_llm_gym.sim.streaming.records import (
    Sizes,
    StreamingParameters,
    StreamingResult,
    StreamingState,
    StreamingTape,
    allocate_result,
    allocate_state,
    allocate_tape,
    allocate_workspace,
)
from edge_llm_gym.sim.streaming.tape import StreamingTapeGenerator
from edge_llm_gym.sim.totals import metric_kinds


class StreamingDynamics:
    """The dynamics `streaming`: requests are routed on arrival."""

    def __init__(self, scenario: Scenario) -> None:
        self.tape_generator = StreamingTapeGenerator(scenario)
        self.parameters = compile_parameters(scenario, self.tape_generator.exit_table)
        self._sizes = _sizes(scenario)
        self._held = defaultdict[int, HeldRecords](HeldRecords)

    def generator_of(self, scenario: Scenario) -> StreamingTapeGenerator:
        """Draws episodes of a scenario that differs from this one only in what a tape holds."""
        return StreamingTapeGenerator(scenario)

    def allocate(self, rows: int, capacity: int) -> tuple[StreamingTape, StreamingState]:
        """Empty records."""
        return allocate_tape(rows, capacity, self._sizes), allocate_state(rows, capacity, self._sizes)

    def begin(self, tape: StreamingTape, state: StreamingState, rows: Sequence[int], worker: int = 0) -> None:
        """Sets rows to the start of their freshly drawn tapes."""
        transition.reset_held(self.held(tape, state, worker), np.array(rows))

    def held(self, tape: StreamingTape, state: StreamingState, worker: int = 0) -> Any:
        """Parameters, tape, state and the work space of a worker as one argument for kernels."""
        capacity = tape.requests.arrival_s.shape[1]
        return self._held[worker].of((self.parameters, tape, state), lambda: allocate_workspace(capacity, self._sizes))

    def step(
        self,
        tape: StreamingTape,
        state: StreamingState,
        action: tuple[Array, ...],
        result: StreamingResult,
        piece: Piece,
    ) -> None:
        """One epoch of the rows of a piece: offload [R, D + K, K] and threshold [R, K], float32 in [0, 1], checked."""
        transition.step_held(self.held(tape, state, piece.worker), *action, result, piece.first, piece.last)

    def empty_result(self, rows: int) -> StreamingResult:
        """A result without requests."""
        return allocate_result(rows, self._sizes)

    def admissible(self, tape: StreamingTape, state: StreamingState) -> Array:
        """Raises TypeError: continuous actions have no mask."""
        raise TypeError(
            "dynamics 'streaming' has continuous actions (offload, threshold), which take no mask; weights on links "
            "that do not exist are ignored, and the observation's 'links' show which links exist"
        )

    def conserves(self, tape: StreamingTape, state: StreamingState) -> Array:
        """[R] bool: every request on the tape whose time has come has arrived, and has one exit and one outcome."""
        totals, now_s, requests = state.totals, state.epoch[:, None] * self.parameters.epoch_s, tape.requests
        on_tape = np.arange(requests.arrival_s.shape[1]) < requests.length[:, None]
        due = (on_tape & (requests.arrival_s < now_s)).sum(axis=1)
        final = sum(totals[:, STREAMING_COLUMN[name]] for name in ("served", "late", "below_quality"))
        exited = totals[:, FIRST_EXIT:].sum(axis=1)
        arrived = totals[:, STREAMING_COLUMN["arrived"]]
        return (arrived == due) & (arrived == final) & (arrived == exited) & (arrived == state.next_arrival)


def _sizes(scenario: Scenario) -> Sizes:
    network = scenario.network
    return Sizes(
        nodes=len(scenario.nodes),
        entry_nodes=network.entry_nodes.size,
        stages=network.stages,
        devices=scenario.devices.count,
        blocks=len(scenario.block_layers),
        hosted_blocks=len(hosted_blocks(scenario)),
        horizon=scenario.horizon_epochs,
        metrics=len(scenario.metrics),
    )


def compile_parameters(scenario: Scenario, exits: ExitTable) -> StreamingParameters:
    """The constants of a scenario as kernels take them."""
    network, devices = scenario.network, scenario.devices.count
    return StreamingParameters(
        epoch_s=scenario.epoch_s,
        band_hz=np.array([(node.uplink_hz / devices, node.downlink_hz / devices) for node in scenario.nodes]),
        entry_index=np.where(network.stage == 0, np.cumsum(network.stage == 0) - 1, -1),
        slowdown_factor=_slowdown_factor(scenario),
        quality=np.array([node.quality for node in node_costs(scenario)]),
        network=network_constants(network, len(scenario.block_layers), round_trip_bits(scenario)),
        exits=exits,
        metric_kinds=metric_kinds(scenario.metric_table),
        power=power_constants(scenario),
        reward=reward_terms(scenario.reward, scenario.metrics),
    )


def _slowdown_factor(scenario: Scenario) -> Array:
    """[H + 1, K]: each node's factor at the start of every epoch, and at the end of the last one."""
    begin_s = np.arange(scenario.horizon_epochs + 1) * scenario.epoch_s
    factor = np.ones((begin_s.size, len(scenario.nodes)))
    for index, slow in enumerate(node.slowdown for node in scenario.nodes):
        if slow is not None:
            until_s = np.inf if slow.until_s is None else slow.until_s
            factor[(slow.from_s <= begin_s) & (begin_s < until_s), index] = slow.factor
    return factor
