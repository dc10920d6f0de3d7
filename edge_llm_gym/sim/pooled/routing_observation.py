"""What is observed of batching-and-routing dynamics: what batching dynamics shows, the links, and the confidences at the exits."""

from typing import NamedTuple

import numpy as np
from numba import njit

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.exits import count_confidences
from edge_llm_gym.sim.pooled import observation as epoch
from edge_llm_gym.sim.pooled.admission import decision_time_s
from edge_llm_gym.sim.pooled.observation import REQUEST_FEATURES, observe_row
from edge_llm_gym.sim.simulator import Simulator
from edge_llm_gym.sim.streaming.observation import (
    CONFIDENCE_BINS,
    LINK_SCALES,
    QUANTILES,
    SEEN_EPOCHS,
    histogram_quantiles,
)

NODE_FEATURES = (
    *epoch.NODE_FEATURES,
    "stage",  # 1 for the last one; constant too
)


class ExitScales(NamedTuple):
    """What the kernel takes beside the scales of batching dynamics."""

    links: Array  # [K, K, 3] float32, already scaled
    quantiles: Array  # [Q] float64


class RoutingObservation(NamedTuple):
    """Arrays of R rows: the fields are the keys of the observation. K1 nodes of the first stage, K nodes, E exits."""

    requests: Array  # [R, N, F] float32
    request_mask: Array  # [R, N] int8
    spectral_efficiency: Array  # [R, N, K1, 2] float32, / cap
    nodes: Array  # [R, K, F] float32
    links: Array  # [R, K, K, 3] float32, from row to column
    exit_confidence: Array  # [R, E, Q] float32, quantiles of the confidences seen, 0 at an exit where none were
    arrivals: Array  # [R, 1] float32, arrivals of the last epoch / N
    backlog: Array  # [R, 1] float32, pending requests without a slot / N


@kernel
def _count_confidences(parameters, tape, state, row, count):  # type: ignore[no-untyped-def]
    """Adds to count [E, bins] the confidences of the requests that the last epochs admitted, where computed by now."""
    epoch, now_s = state.epoch[row], decision_time_s(parameters, state.epoch[row])
    visited, finish_s, exit_block = state.visited[row], state.finish_s[row], state.exit_block[row]
    last_block, confidence = parameters.last_block, tape.confidence[row]
    seen = slice(state.admitted_until[row, max(epoch - SEEN_EPOCHS, 0)], state.admitted_until[row, epoch])
    for request in state.admitted[row, seen]:
        count_confidences(confidence, visited, finish_s, exit_block, last_block, request, now_s, count)


@njit(cache=True)
def observe_rows(parameters, tape, state, scales, exits, out):  # type: ignore[no-untyped-def]
    """Fills `out`, all zeros before, with what every row shows now."""
    count = np.empty((parameters.blocks, CONFIDENCE_BINS), np.int32)
    for row in range(out.arrivals.shape[0]):
        observe_row(parameters, tape, state, scales, row, out)
        out.links[row] = exits.links
        count[:] = 0
        _count_confidences(parameters, tape, state, row, count)
        for block in range(parameters.blocks):
            histogram_quantiles(count[block], exits.quantiles, out.exit_confidence[row, block])


class RoutingObserver:
    """Reads fresh observations off a simulator of batching-and-routing dynamics."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator, scenario = simulator, simulator.scenario
        network = scenario.network
        scales = epoch.observation_scales(scenario)
        stage = (network.stage + 1.0) / network.stages
        self._scales = scales._replace(node_constants=np.column_stack([scales.node_constants, stage]))
        self._exits = ExitScales(link_features(scenario), np.array(QUANTILES))

    def observe(self) -> RoutingObservation:
        """What every row shows now, in arrays of its own."""
        simulator = self._simulator
        rows, slots, nodes = simulator.rows, simulator.scenario.slots, simulator.nodes
        stations, blocks = simulator.tape.spectral_efficiency.shape[3], simulator.parameters.blocks
        out = RoutingObservation(
            requests=np.zeros((rows, slots, len(REQUEST_FEATURES)), np.float32),
            request_mask=np.zeros((rows, slots), np.int8),
            spectral_efficiency=np.zeros((rows, slots, stations, 2), np.float32),
            nodes=np.zeros((rows, nodes, len(NODE_FEATURES)), np.float32),
            links=np.empty((rows, *self._exits.links.shape), np.float32),
            exit_confidence=np.zeros((rows, blocks, len(QUANTILES)), np.float32),
            arrivals=np.zeros((rows, 1), np.float32),
            backlog=np.zeros((rows, 1), np.float32),
        )
        observe_rows(simulator.parameters, simulator.tape, simulator.state, self._scales, self._exits, out)
        return out


def link_features(scenario: Scenario) -> Array:
    """[K, K, 3] float32 in [0, 1], the features of `sim.stream.observation.LINK_FEATURES` of every link."""
    network = scenario.network
    links = np.stack([network.has_link, network.rate_bps, network.latency_s], axis=-1) / LINK_SCALES
    return np.minimum(links, 1.0).astype(np.float32)
