"""Infers the batches of states that hold no admission log from the latencies of the requests.

All requests of a batch end together, so the end of a request identifies its batch.
"""

from typing import Any

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.rendering.batching.starts import earliest_starts_s
from edge_llm_gym.sim.simulator import Simulator


def has_admission_log(state: Any) -> bool:
    """Whether a state records the requests that each epoch admitted."""
    return hasattr(state, "admitted_until")


def inferred_log(simulator: Simulator, row: int) -> tuple[Array, Array, Array]:
    """Admitting epochs [C] int64, visited nodes [C, 1] int8 and starts of batches [K, E + 1] s of a row."""
    state = simulator.state
    return _epochs_by_latency(simulator, row), state.served_by[row, :, None], earliest_starts_s(simulator, row).T


def _epochs_by_latency(simulator: Simulator, row: int) -> Array:
    """[C] int64, epoch of the batch that ends when the request does, -1 for none."""
    tape, state = simulator.tape, simulator.state
    finish_s = tape.arrival_s[row] + state.latency_s[row] - simulator.scenario.downlink_slot_s
    epochs = np.full(finish_s.size, -1)
    for node in range(simulator.nodes):
        ends_s = state.batch_end_s[row, node]
        begun = np.flatnonzero(np.isfinite(ends_s))
        between_s = (ends_s[begun][:-1] + ends_s[begun][1:]) / 2  # the nearest end, so that rounding does not matter
        here = state.served_by[row] == node + 1
        epochs[here] = begun[np.searchsorted(between_s, finish_s[here])]
    return epochs
