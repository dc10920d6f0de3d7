"""Batching-and-routing dynamics as the simulator takes it: tape_generator, parameters, records and kernels together."""

from typing import Any

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.models.exits import ExitProfile
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.scenario.metrics import ROUTING_COLUMN
from edge_llm_gym.scenario.network import Network
from edge_llm_gym.sim.pooled import admission
from edge_llm_gym.sim.pooled import routing_transition as transition
from edge_llm_gym.sim.pooled.dynamics import compile_parameters as epoch_parameters
from edge_llm_gym.sim.pooled.dynamics import conserves
from edge_llm_gym.sim.pooled.routing_records import (
    ExitParameters,
    Sizes,
    StagedParameters,
    allocate_result,
    allocate_state,
    allocate_tape,
    allocate_workspace,
)
from edge_llm_gym.sim.pooled.routing_tape import RoutingTapeGenerator
from edge_llm_gym.sim.request_costs import COST_DRIVERS, RequestCosts
from edge_llm_gym.sim.streaming.dynamics import answers_by_threshold


class BatchingRoutingDynamics:
    """What `admission: staged` brings to the simulator."""

    def __init__(self, scenario: Scenario) -> None:
        costs = RequestCosts(scenario)
        self.tape_generator = RoutingTapeGenerator(scenario, costs)
        exits = _exit_parameters(scenario, self.tape_generator.profile)
        self.parameters = StagedParameters(*epoch_parameters(scenario, costs), *exits)
        self._sizes = _sizes(scenario)
        self._desk = allocate_workspace(self._sizes)

    def allocate(self, rows: int, capacity: int) -> tuple[Any, Any]:
        """Empty records."""
        return allocate_tape(rows, capacity, self._sizes), allocate_state(rows, capacity, self._sizes)

    def begin(self, tape: Any, state: Any, row: int) -> None:
        """Sets a row to the first decision time of its freshly drawn tape."""
        transition.reset_row(self.parameters, tape, state, row)

    def step(self, tape: Any, state: Any, batch: Array, bandwidth: Array, offload: Array, threshold: Array) -> Any:
        """One epoch of every row; actions, checked before, are those of `staged.transition.step_rows`."""
        result = allocate_result(batch.shape[0], self._sizes)
        transition.step_rows(self.parameters, tape, state, batch, bandwidth, offload, threshold, self._desk, result)
        return result

    def admissible(self, tape: Any, state: Any) -> Array:
        """[R, N, K1 + 1] bool: asked alone with the whole band, would the slot's request be let in? 0 always is."""
        mask = np.empty((state.epoch.size, self._sizes.slots, self._sizes.stations + 1), np.bool_)
        admission.admissible_rows(self.parameters, tape, state, mask)
        return mask

    def conserves(self, tape: Any, state: Any) -> Array:
        """[R] bool: arrived = served + late + below_quality + expired + pending, and whoever was computed left by one exit."""
        left = state.totals[:, len(ROUTING_COLUMN) :].sum(axis=1)
        computed = state.admitted_until[np.arange(state.epoch.size), state.epoch]
        return conserves(state) & (left == computed)


def _sizes(scenario: Scenario) -> Sizes:
    network = scenario.network
    return Sizes(
        nodes=len(scenario.nodes),
        stations=network.entry_nodes.size,
        stages=network.stages,
        devices=scenario.devices.count,
        blocks=len(scenario.block_layers),
        demands=len(COST_DRIVERS),
        horizon=scenario.horizon_epochs,
        slots=scenario.slots,
        metrics=len(scenario.metrics),
    )


def _exit_parameters(scenario: Scenario, profile: ExitProfile) -> ExitParameters:
    network = scenario.network
    link_first, link_target = _links_by_node(network)
    sorted_confidence, tail_accuracy = answers_by_threshold(profile)
    return ExitParameters(
        stations=network.entry_nodes.size,
        stages=network.stages,
        blocks=len(scenario.block_layers),
        stage=network.stage,
        first_block=network.first_block,
        last_block=network.last_block,
        link_first=link_first,
        link_target=link_target,
        rate_bps=network.rate_bps,
        latency_s=network.latency_s,
        sorted_confidence=sorted_confidence,
        tail_accuracy=tail_accuracy,
    )


def _links_by_node(network: Network) -> tuple[Array, Array]:
    """link_first [K + 1] and link_target [L], node by node."""
    targets = [np.flatnonzero(row) for row in network.has_link]
    return np.concatenate([[0], np.cumsum([row.size for row in targets])]), np.concatenate(targets)
