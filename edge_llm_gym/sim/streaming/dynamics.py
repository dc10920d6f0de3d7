"""Streaming dynamics as the simulator takes it: tape_generator, parameters, records and kernels together."""

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.models.exits import ExitProfile
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.scenario.metrics import STREAMING_COLUMN
from edge_llm_gym.scenario.network import Network
from edge_llm_gym.sim.node_costs import node_costs
from edge_llm_gym.sim.reward import reward_terms
from edge_llm_gym.sim.streaming import transition
from edge_llm_gym.sim.streaming.outcomes import FIRST_EXIT
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


class StreamingDynamics:
    """What `admission: stream` brings to the simulator."""

    def __init__(self, scenario: Scenario) -> None:
        self.tape_generator = StreamingTapeGenerator(scenario)
        self.parameters = compile_parameters(scenario, self.tape_generator.profile)
        self._sizes = _sizes(scenario, len(self.tape_generator.hosted))

    def allocate(self, rows: int, capacity: int) -> tuple[StreamingTape, StreamingState]:
        """Empty records."""
        return allocate_tape(rows, capacity, self._sizes), allocate_state(rows, capacity, self._sizes)

    def begin(self, tape: StreamingTape, state: StreamingState, row: int) -> None:
        """Sets a row to the start of its freshly drawn tape."""
        transition.reset_row(self.parameters, state, row)

    def step(self, tape: StreamingTape, state: StreamingState, offload: Array, threshold: Array) -> StreamingResult:
        """One epoch of every row: offload [R, D + K, K] and threshold [R, K], float32, checked before."""
        result = allocate_result(threshold.shape[0], self._sizes)
        workspace = allocate_workspace(tape.arrival_s.shape[1], self._sizes)
        transition.step_rows(self.parameters, tape, state, offload, threshold, workspace, result)
        return result

    def admissible(self, tape: StreamingTape, state: StreamingState) -> Array:
        """There is no mask: raises TypeError."""
        raise TypeError(
            "dynamics 'streaming' has continuous actions (offload, threshold), which take no mask; weights on links that "
            "do not exist count for nothing, and the observation's 'links' show which ones exist"
        )

    def conserves(self, tape: StreamingTape, state: StreamingState) -> Array:
        """[R] bool: everybody on the tape whose time has come has arrived, and left by one exit with one outcome."""
        totals, now_s = state.totals, state.epoch[:, None] * self.parameters.epoch_s
        on_tape = np.arange(tape.arrival_s.shape[1]) < tape.length[:, None]
        come = (on_tape & (tape.arrival_s < now_s)).sum(axis=1)
        settled = sum(totals[:, STREAMING_COLUMN[name]] for name in ("served", "late", "below_quality"))
        left = totals[:, FIRST_EXIT:].sum(axis=1)
        arrived = totals[:, STREAMING_COLUMN["arrived"]]
        return (arrived == come) & (arrived == settled) & (arrived == left) & (arrived == state.next_arrival)


def _sizes(scenario: Scenario, hosted: int) -> Sizes:
    network = scenario.network
    return Sizes(
        nodes=len(scenario.nodes),
        stations=network.entry_nodes.size,
        stages=network.stages,
        devices=scenario.devices.count,
        blocks=len(scenario.block_layers),
        hosted=hosted,
        horizon=scenario.horizon_epochs,
        metrics=len(scenario.metrics),
    )


def compile_parameters(scenario: Scenario, profile: ExitProfile) -> StreamingParameters:
    """The constants of a scenario as the kernels take them."""
    network, devices = scenario.network, scenario.devices.count
    link_first, link_target = _links_by_sender(network)
    sorted_confidence, tail_accuracy = answers_by_threshold(profile)
    reward_column, reward_weight = reward_terms(scenario.reward, scenario.metrics)
    return StreamingParameters(
        epoch_s=scenario.epoch_s,
        stages=network.stages,
        blocks=len(scenario.block_layers),
        band_hz=np.array([(node.uplink_hz / devices, node.downlink_hz / devices) for node in scenario.nodes]),
        station=np.where(network.stage == 0, np.cumsum(network.stage == 0) - 1, -1),
        first_block=network.first_block,
        last_block=network.last_block,
        first_hosted=np.concatenate([[0], np.cumsum(network.last_block - network.first_block + 1)[:-1]]),
        link_first=link_first,
        link_target=link_target,
        rate_bps=network.rate_bps,
        latency_s=network.latency_s,
        slowdown_factor=_slowness(scenario),
        quality=np.array([node.quality for node in node_costs(scenario)]),
        sorted_confidence=sorted_confidence,
        tail_accuracy=tail_accuracy,
        reward_column=reward_column,
        reward_weight=reward_weight,
    )


def _links_by_sender(network: Network) -> tuple[Array, Array]:
    """link_first and link_target: the devices' links to all entry nodes first, then the wired ones, node by node."""
    targets = [network.entry_nodes, *(np.flatnonzero(row) for row in network.has_link)]
    first = np.concatenate([[0], np.cumsum([row.size for row in targets])])
    return first, np.concatenate(targets)


def _slowness(scenario: Scenario) -> Array:
    """slowdown_factor [H + 1, K]: the row of an epoch holds each node's factor at its start, that of the last one its end."""
    begin_s = np.arange(scenario.horizon_epochs + 1) * scenario.epoch_s
    factor = np.ones((begin_s.size, len(scenario.nodes)))
    for index, slow in enumerate(node.slowdown for node in scenario.nodes):
        if slow is not None:
            until_s = np.inf if slow.until_s is None else slow.until_s
            factor[(slow.from_s <= begin_s) & (begin_s < until_s), index] = slow.factor
    return factor


def answers_by_threshold(profile: ExitProfile) -> tuple[Array, Array]:
    """sorted_confidence [E, Z], and tail_accuracy [E, Z + 1] relative to the full model, 1 behind the surest row."""
    order = np.argsort(profile.confidence, axis=0, kind="stable")
    confidence = np.take_along_axis(profile.confidence, order, axis=0).T
    correct = np.take_along_axis(profile.correct, order, axis=0).T[:, ::-1]
    mean = np.cumsum(correct, axis=1) / np.arange(1, profile.rows + 1)
    relative = mean[:, ::-1] / max(profile.full_accuracy, np.finfo(np.float64).tiny)
    return np.ascontiguousarray(confidence), np.hstack([relative, np.ones((profile.exits, 1))])
