"""Confidences that one node has computed lately: the local part of `exit_confidence` of the observation."""

from typing import Any

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.sim.exit_observation import CONFIDENCE_BINS, QUANTILES, SEEN_EPOCHS, histogram_quantiles
from edge_llm_gym.sim.simulator import Simulator


def hosted_blocks(simulator: Simulator, node: int) -> range:
    """Blocks that a node hosts."""
    network = simulator.parameters.network
    return range(network.first_block[node], network.last_block[node] + 1)


def own_confidence(simulator: Simulator, node: int) -> Array:
    """[hosted blocks, QUANTILES] float32: quantiles at each exit of a node of what the node itself has computed by now.

    As `exit_confidence` of the environment, it covers the requests of the last SEEN_EPOCHS epochs, but only those that
    passed the node; 0 at an exit without any. Row 0 of the simulator.
    """
    blocks, quantiles = hosted_blocks(simulator, node), np.array(QUANTILES)
    requests, exit_block = _computed_requests(simulator, node)
    out = np.zeros((len(blocks), len(QUANTILES)), np.float32)
    for index, block in enumerate(blocks):
        seen = simulator.tape.exits.confidence[0, requests[exit_block >= block], block]
        histogram_quantiles(_histogram(seen), quantiles, out[index])
    return out


def _histogram(confidence: Array) -> Array:
    column = np.minimum((confidence * CONFIDENCE_BINS).astype(np.int64), CONFIDENCE_BINS - 1)
    return np.bincount(column, minlength=CONFIDENCE_BINS).astype(np.int32)


def _computed_requests(simulator: Simulator, node: int) -> tuple[Array, Array]:
    """Recent requests that a node has computed by now, and the block after which each of them leaves the model."""
    log, stage = simulator.state.requests, simulator.parameters.network.stage[node]
    requests, now_s = _recent_requests(simulator)
    done = (log.node[0, requests, stage] == node + 1) & (log.finish_s[0, requests, stage] <= now_s)
    computed = requests[done]
    return computed, log.exit_block[0, computed] - 1


def _recent_requests(simulator: Simulator) -> tuple[Array, float]:
    """Requests of the last epochs, admitted (pooled) or arrived (streaming), and the time of the decision in s."""
    state: Any = simulator.state
    epoch, epoch_s = int(state.epoch[0]), simulator.scenario.epoch_s
    oldest = max(epoch - SEEN_EPOCHS, 0)
    if simulator.scenario.dynamics == "streaming":
        return np.arange(state.first_of_epoch[0, oldest], state.next_arrival[0]), epoch * epoch_s
    admitted = state.admissions
    return admitted.request[0, admitted.until[0, oldest] : admitted.until[0, epoch]], (epoch + 1) * epoch_s
