"""Decision times of a row's epochs and the earliest starts of their batches."""

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.sim.simulator import Simulator


def decision_times_s(simulator: Simulator, row: int) -> Array:
    """[E + 1] s, decision times of the E epochs done and of the current one."""
    return np.arange(1, simulator.state.epoch[row] + 2) * simulator.scenario.epoch_s


def earliest_starts_s(simulator: Simulator, row: int) -> Array:
    """[E + 1, K] s, when a batch of each epoch could start on each node: after its uplink and the batches before."""
    uplink_ends_s = decision_times_s(simulator, row) + simulator.scenario.uplink_slot_s
    return np.maximum(uplink_ends_s[:, None], _free_times_s(simulator, row))


def _free_times_s(simulator: Simulator, row: int) -> Array:
    """[E + 1, K] s, when each node has computed the batches of the epochs before; 0 where it need not wait for them."""
    state = simulator.state
    if simulator.scenario.batching == "continuous":
        return np.zeros((state.epoch[row] + 1, simulator.nodes))
    ends_s = state.batches.end_s[row, :, : state.epoch[row]].T
    return np.maximum.accumulate(np.vstack([np.zeros(simulator.nodes), ends_s]))
